"""The examples of each step type, run by the runner against the provider stand-in."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck_runner.validate import validate
from quarterdeck_runner.vocabulary import STEP_TYPES
from support.runner import Runner, eventually

FOLDER = Path(__file__).parent / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

OUTPUTS: dict[str, Any] = {
    "claude": "parts answer",
    "claude_smart": "by analysis",
    "claude_robust": "second try; without the trouble; graceful_degradation",
    "claude_extract": {
        "advice": "You should test it: https://example.org/tests.",
        "code": "print(1)",
        "links": ["https://example.org/tests"],
        "headings": ["Review"],
        "points": 2,
        "words": 15,
    },
    "claude_session": "third answer",
    "claude_batch": "2 of 3: first, third",
    "parallel_claude": "4 R R",
    "gemini": {"score": 8, "function": "get_weather", "city": "Kiel"},
    "functions": "7 12.5 refund",
    "gemini_instructor": "s 10",
    "output_schema": (
        "3: output_schema.yaml:9: step 'bad': the answer does not fit `output_schema`: 'n': 'three' is not of type "
        "'integer'"
    ),
    "set_variable": [2, "Run set_variable", "many", "7 {{ average(words) }}", "eu"],
    "echo": "seen:\necho",
    "conditions": "|high|tagged",
    "for_loop": {"sum": 6, "second": "Rom 1/3", "said": "Kiel 0/3!", "done": 2, "last": "Oslo"},
    "while_loop": '3 3 {"score": 8} condition',
    "pipeline": "<rain 2 mine rain> 2",
    "data_transform": {
        "first": {"id": 3, "who": "Bob", "severity": "urgent", "hours": 8},
        "hours": 12,
        "low": 1,
    },
    "file_ops": '[\n  "old.csv",\n  "table.json"\n] 2 false',
    "defaults": "calm 80 false true",
}
"""What each example gives."""


@pytest.fixture(scope="module")
def results(runner: Runner) -> dict[str, dict[str, Any]]:
    """Every example, run once, all at the same time."""
    shutil.copytree(FOLDER, runner.folder, dirs_exist_ok=True)
    started = {name: runner.start(name) for name in EXAMPLES}
    return {name: runner.result(run_id) for name, run_id in started.items()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_an_example_gives(name: str, results: dict[str, dict[str, Any]]) -> None:
    run = results[name]
    assert (run["status"], run["error"], run["output"]) == ("completed", None, OUTPUTS[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_no_problem(name: str) -> None:
    found = validate((FOLDER / f"{name}.yaml").read_text(), FOLDER / f"{name}.yaml")
    assert [str(each) for each in found.diagnostics] == []


def test_every_step_type_has_an_example() -> None:
    shown = {step for name in EXAMPLES for step in _types(FOLDER / f"{name}.yaml")}
    assert shown == set(STEP_TYPES)


def _types(path: Path) -> set[str]:
    def inside(steps: Any) -> set[str]:
        return {step.type for step in steps} | {kind for step in steps for kind in inside(step.body)}

    return inside(validate(path.read_text(), path).pipeline.steps)


def test_a_session_is_one_chat(results: dict[str, dict[str, Any]], stand_in: str) -> None:
    assert results["claude_session"]["status"] == "completed"
    asked = httpx.get(f"{stand_in}/__requests").json()
    bodies = {word: [each["body"] for each in asked if word in json.dumps(each["body"])] for word in ("three", "shown")}
    (last,) = [body for body in bodies["three"] if "session-three" in json.dumps(body)]
    assert [message["content"] for message in last["messages"]] == [
        "[[say:first answer]] session-one",
        "first answer",
        "[[say:second answer]] session-two",
        "second answer",
        "[[say:third answer]] session-three",
    ]
    (shown,) = [body for body in bodies["shown"] if "session-shown" in json.dumps(body)]
    assert shown["contents"][0]["parts"][0]["text"] == (
        "[[say:summary]] session-shown\nUser: [[say:second answer]] session-two\nAssistant: second answer"
    )


def test_functions_and_schemas_reach_the_providers(results: dict[str, dict[str, Any]], stand_in: str) -> None:
    assert results["gemini"]["status"] == results["functions"]["status"] == "completed"
    bodies = [request["body"] for request in httpx.get(f"{stand_in}/__requests").json() if request["body"]]
    (gemini,) = [body for body in bodies if "get_weather" in json.dumps(body.get("tools"))]
    (declared,) = gemini["tools"][0]["functionDeclarations"]
    assert (declared["name"], declared["parameters_json_schema"]["required"]) == ("get_weather", ["city"])
    assert gemini["generationConfig"] == {"maxOutputTokens": 500, "temperature": 0.3}
    (claude,) = [body for body in bodies if "refund" in json.dumps(body.get("tools"))]
    assert claude["tools"][0]["input_schema"] == {"type": "object", "properties": {"euros": {"type": "number"}}}
    formats = [body["output_config"]["format"]["schema"] for body in bodies if "output_config" in body]
    assert {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}.items() <= formats[0].items()


def test_steps_inside_are_spans_inside(results: dict[str, dict[str, Any]], runner: Runner) -> None:
    run = results["while_loop"]
    spans = runner.spans(run, 14)
    names = {span.context.span_id: span.name for span in spans}
    inside = sorted((names[span.parent.span_id], span.name) for span in spans if span.parent and "step" in span.name)
    assert inside == sorted(
        [("invoke_workflow while_loop", "step polish"), ("invoke_workflow while_loop", "step end")]
        + [("step polish", f"step polish[{index}]") for index in range(3)]
        + [(f"step polish[{index}]", f"step {name}") for index in range(3) for name in ("count", "rate")]
    )


def test_nested_files_are_those_of_the_start(runner: Runner) -> None:
    child = runner.folder / "kept.yaml"
    text = "workflow: {{name: kept, steps: [{{name: a, type: echo, value: {}}}]}}"
    child.write_text(text.format("old"))
    name = runner.pipeline("""
workflow:
  name: keeping
  steps:
    - {name: wait, type: claude, prompt: "[[n:30]][[delay:0.02]]"}
    - {name: child, type: pipeline, pipeline_file: kept.yaml, outputs: [a]}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="wait")
    child.write_text(text.format("new"))
    assert runner.result(run_id)["output"] == {"a": "old"}
    assert eventually(lambda: runner.result(runner.start(name))["output"] == {"a": "new"})
