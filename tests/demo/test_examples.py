"""The examples that ship: their YAML is of the documented format, and the programs run end to end."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from genai_prices import Usage, calc_price

from quarterdeck_runner.demo.__main__ import PIPELINES, PROGRAMS
from quarterdeck_runner.demo.environment import provider_environment
from quarterdeck_runner.validate import validate
from support.deck import free_ports

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted((EXAMPLES / "pipelines").glob("*.yaml"))

WORKFLOW_KEYS = {"name", "description", "version", "inputs", "defaults", "steps"}
INPUT_KEYS = {"type", "default", "description"}
COMMON_KEYS = {"name", "type", "condition"}
STEP_KEYS = {
    "gemini": {"prompt", "token_budget", "output_to_file"},
    "claude": {"prompt", "claude_options", "output_to_file"},
    "claude_smart": {"prompt", "claude_options", "preset", "output_to_file"},
    "parallel_claude": {"parallel_tasks"},
    "set_variable": {"variables"},
}
PART_KEYS = {
    "static": {"type", "content"},
    "file": {"type", "path"},
    "previous_response": {"type", "step", "extract"},
}


def workflow(file: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert loaded.keys() == {"workflow"}
    flow: dict[str, Any] = loaded["workflow"]
    return flow


def prompts(step: dict[str, Any]) -> list[list[dict[str, str]]]:
    return [step["prompt"]] if "prompt" in step else [task["prompt"] for task in step.get("parallel_tasks", ())]


def test_the_demo_knows_every_example() -> None:
    assert sorted(PIPELINES) == [workflow(file)["name"] for file in FILES] == [file.stem for file in FILES]
    assert sorted(PROGRAMS) == sorted(file.name for file in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pipeline_uses_documented_keys_only(file: Path) -> None:
    flow = workflow(file)
    assert flow.keys() <= WORKFLOW_KEYS
    assert all(each.keys() == INPUT_KEYS for each in flow["inputs"].values())
    assert 4 <= len(flow["steps"]) <= 6
    for step in flow["steps"]:
        assert step.keys() <= COMMON_KEYS | STEP_KEYS[step["type"]]
        for part in (part for prompt in prompts(step) for part in prompt):
            assert part.keys() <= PART_KEYS[part["type"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_runner_finds_nothing_to_say_about_a_pipeline(file: Path) -> None:
    validated = validate(file.read_text(encoding="utf-8"), file)
    assert (validated.runnable, validated.diagnostics) == (True, ())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pipeline_refers_to_what_exists(file: Path) -> None:
    flow = workflow(file)
    earlier: set[str] = set()
    for step in flow["steps"]:
        for part in (part for prompt in prompts(step) for part in prompt):
            if part["type"] == "previous_response":
                assert part["step"] in earlier
            if part["type"] == "file":
                name = part["path"].removeprefix("{{ inputs.").removesuffix(" }}")
                path = flow["inputs"][name]["default"] if name in flow["inputs"] else part["path"]
                assert (file.parent / path).is_file()
        earlier.add(step["name"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_price_of_every_model_is_known(file: Path) -> None:
    defaults = workflow(file)["defaults"]
    for model in (defaults["gemini_model"], defaults["claude_options"]["model"]):
        assert calc_price(Usage(input_tokens=1, output_tokens=1), model).model.id == model


def run(program: str, stand_in: str, endpoint: str) -> str:
    keyless = {key: value for key, value in os.environ.items() if not key.endswith(("_API_KEY", "_BASE_URL"))}
    environment = {**keyless, **provider_environment(stand_in, keyless), "QUARTERDECK_ENDPOINT": endpoint}
    environment.pop("QUARTERDECK_RUNNER_URL", None)
    done = subprocess.run(
        [sys.executable, EXAMPLES / program], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_needs_no_collector(program: str, stand_in: str) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    said = run(program, stand_in, nobody)
    assert said.startswith("# Briefing: " if program == "briefing.py" else "== Purchase order runs out tonight [")
