import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from quarterdeck_runner.vocabulary import KEYS, STEP_TYPES
from quarterdeck_runner.validate import validate
from support.runner import read

BROKEN = """\
workflow:
  name: broken
  descripton: a word misspelt
  checkpoint_enabled: true
  inputs:
    topic: {type: strng}
    depth: {type: integer, default: deep}
  defaults:
    output_dir: /tmp/out
  steps:
    - name: first
      type: claude
      prompt: "About {{ inputs.topik }} and {{ later.output }}"
      claude_options: {model: opus, max_turns: 3, allowed_tools: [Write, Read]}
      token_budget: {max_output_tokens: many, temperature: 0.2}
    - name: first
      type: gemini
      model: gemini-1.5-pro
      prompt:
        - type: static
          content: fine
        - type: file
          path: nowhere.txt
        - type: file
          path: "{{ inputs.nope }}.txt"
        - type: previous_response
          step: frist
        - type: sttic
          content: x
        - type: session_context
          session_id: s
    - name: run
      type: bash
    - name: loop
      type: for_loop
    - name: typo
      type: claud
    - {name: later, type: echo, value: x, output_to_file: ../escape.txt, condition: "first.score >"}
    - name: twice
      name: again
      type: set_variable
      variables: {n: 1}
      if: "unknown_step.ok == true"
      retry: {max_attempts: 99}
    - type: parallel_claude
      prompt: hello
    - just a word
"""


def shown(text: str, folder: Path = Path()) -> list[str]:
    return [str(each) for each in validate(text, folder / "broken.yaml").diagnostics]


def test_every_problem_of_a_file_is_reported_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [line.replace(str(tmp_path), "FOLDER") for line in shown(BROKEN, tmp_path)]
    assert "\n".join([*found, ""]) == EXPECTED


EXPECTED = """\
broken.yaml:3:3: warning: the workflow has no key 'descripton': it is ignored; did you mean 'description'?
broken.yaml:4:3: warning: `checkpoint_enabled` has no effect here: every finished step is kept by itself
broken.yaml:6:13: error: `type` of input 'topic' must be one of string, integer, number, boolean, array, object, not 'strng'; did you mean 'string'?
broken.yaml:7:37: error: `default` of input 'depth' must be of type integer, not string
broken.yaml:9:5: error: `output_dir` must be a relative path without '..', not '/tmp/out': it lies in the runner's output folder
broken.yaml:13:22: warning: {{ inputs.topik }} stays as it is: there is no input 'topik'; did you mean 'topic'?
broken.yaml:13:45: warning: {{ later.output }} stays as it is: the step 'later' does not run before this one
broken.yaml:14:37: warning: `max_turns` belongs to the Claude command line and has no effect here
broken.yaml:14:51: warning: the tools Write, Read are not available here: Claude is asked for text
broken.yaml:15:41: error: `max_output_tokens` of `token_budget` of step 'first' must be a whole number, not the text 'many'
broken.yaml:15:47: warning: Claude no longer takes `temperature`: it is left out
broken.yaml:16:7: error: two steps are called 'first' (the other in line 11): rename one
broken.yaml:18:14: warning: the model 'gemini-1.5-pro' was switched off; 'gemini-3.8-flash' is asked instead: name it
broken.yaml:22:11: error: the prompt of step 'first': there is no file 'nowhere.txt' in FOLDER
broken.yaml:25:18: error: the path in the prompt of step 'first': {{ inputs.nope }} has no value: there is no input 'nope'
broken.yaml:26:11: error: the prompt of step 'first': there is no step 'frist'; did you mean 'first'?
broken.yaml:28:11: error: part 5 of the prompt of step 'first': there is no part type 'sttic'; did you mean 'static'?
broken.yaml:30:11: error: part 6 of the prompt of step 'first': the part type 'session_context' is not supported yet by this runner
broken.yaml:33:13: error: step 'run': the step type 'bash' is refused: shell commands are not run from pipelines
broken.yaml:35:13: error: step 'loop': the step type 'for_loop' is not supported yet by this runner
broken.yaml:37:13: error: step 'typo': there is no step type 'claud'; did you mean 'claude'?
broken.yaml:38:43: error: `output_to_file` of step 'later' must stay below the output folder: write a relative path without '..'
broken.yaml:38:85: error: `condition` of step 'later' cannot be read: the expression ends too early: a value is missing
broken.yaml:39:7: error: the condition of step 'twice': nothing sets 'unknown_step'
broken.yaml:40:7: error: the key 'name' is given twice (first in line 39): remove one
broken.yaml:44:29: error: `max_attempts` of `retry` of step 'twice' must be between 1 and 20, not 99
broken.yaml:45:7: error: step 8 needs `name`: a text
broken.yaml:45:7: error: step 8 needs `parallel_tasks`: a list
broken.yaml:46:7: warning: step 8 has no key 'prompt': it is ignored
broken.yaml:47:7: error: step 9 must be a map of keys and values, not the text 'just a word'
"""  # noqa: E501 - whole messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: error: the file is empty: a pipeline needs a map `workflow:` with `name` and `steps`"]),
        ("[1, 2]", ["1:1: error: a pipeline file must be a map: `workflow:` with `name` and `steps`"]),
        ("worklow:\n  name: x\n", ["1:1: error: there is no `workflow:`; did you mean 'workflow'?"]),
        ("workflow: hello", ["1:11: error: `workflow:` must be a map with `name` and `steps`, not the text 'hello'"]),
        (
            "workflow:\n  name: [1\n",
            [
                (
                    "3:1: error: this is no valid YAML: while parsing a flow sequence, "
                    "expected ',' or ']', but got '<stream end>'"
                )
            ],
        ),
        (
            "name: x\nsteps:\n  - {name: a, type: echo, value: !!python/object/apply:os.system [ls]}\n",
            ["3:34: error: the tag python/object/apply:os.system is not allowed: write a plain value"],
        ),
        (
            "name: x\nsteps: &all\n  - {name: a, type: echo, value: *all}\n",
            ["3:12: error: the file is nested deeper than 40 levels: does an alias contain itself?"],
        ),
        ("steps: []\nname: x\n", ["1:1: error: `steps` of the workflow must not be empty"]),
        (
            "name: 5\nsteps: [{name: a, type: echo}]\n",
            ["1:7: error: `name` of the workflow must be a text, not 5: put it in quotes"],
        ),
    ],
)
def test_files_that_are_no_pipelines(text: str, expected: list[str]) -> None:
    assert [line.removeprefix("broken.yaml:") for line in shown(text)] == expected


def test_aliases_cannot_multiply_without_bound() -> None:
    lines = ["name: x", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (found,) = shown("\n".join([*lines, "steps: []"]))
    assert "expands to more than 50000 values" in found


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    (found,) = shown("name: " + "[" * 3000 + "]" * 3000)
    assert "nested deeper than 40 levels" in found


def test_anchors_and_merges_work() -> None:
    found = read("""
common: &common {type: gemini, token_budget: {max_output_tokens: 50}}
workflow:
  name: merged
  steps:
    - {<<: *common, name: one, prompt: hello}
    - {<<: *common, name: two, prompt: hello, token_budget: {max_output_tokens: 60}}
""")
    assert [each.message for each in found.diagnostics] == [
        "'common' stands beside `workflow:` and is ignored: move it inside"
    ]
    assert [step.call.budget.max_output_tokens for step in found.pipeline.steps if step.call] == [50, 60]


def test_words_that_other_yaml_readers_turn_into_booleans_stay_words() -> None:
    found = read("workflow:\n  name: on\n  version: 1.10\n  steps: [{name: no, type: echo, value: yes}]")
    assert found.diagnostics == ()
    assert (found.pipeline.name, found.pipeline.version, found.pipeline.steps[0].value) == ("on", "1.10", "yes")


def test_names_of_models() -> None:
    found = read("""
workflow:
  name: models
  steps:
    - {name: a, type: claude, prompt: x, claude_options: {model: haiku}}
    - {name: b, type: claude, prompt: x, model: claude-opus-4-20250514}
    - {name: c, type: gemini, prompt: x, model: gemini-2.5-flash}
    - {name: d, type: gemini, prompt: x}
    - {name: e, type: gemini, prompt: x, model: sonnet}
    - {name: f, type: claude_smart, prompt: x}
""")
    assert [step.model for step in found.pipeline.steps] == [
        "claude-haiku-5-5", "claude-opus-5-5", "gemini-2.5-flash", "gemini-3.8-flash", "claude-sonnet-5-5",
        "claude-sonnet-5-5",
    ]  # fmt: skip
    assert [str(each) for each in found.diagnostics] == [
        (
            "test.yaml:6:49: warning: the model 'claude-opus-4-20250514' was switched off; "
            "'claude-opus-5-5' is asked instead: name it"
        ),
        "test.yaml:7:49: warning: the model 'gemini-2.5-flash' ends on 2026-12-01: move to 'gemini-3.8-flash'",
        "test.yaml:9:49: error: a step of type 'gemini' cannot ask the model 'sonnet'",
    ]


def test_keys_without_effect_are_said_to_have_none() -> None:
    found = read("""
workflow:
  name: idle
  defaults: {claude_output_format: json}
  steps:
    - name: a
      type: claude_robust
      environment_aware: true
      token_budget: {max_input_tokens: 5}
      retry_config: {max_retries: 1, retry_conditions: [timeout]}
      prompt: x
    - {name: b, type: claude_extract, prompt: x, extraction_config: {format: json, include_metadata: true}}
    - {name: c, type: gemini, prompt: x, functions: [f]}
""")
    assert [(each.line, each.severity, each.message) for each in found.diagnostics] == [
        (4, "warning", "`claude_output_format` has no effect here: answers are text"),
        (8, "warning", "`environment_aware` has no effect here: steps see inputs and variables only"),
        (9, "warning", "`max_input_tokens` has no effect here: prompts are sent as they are"),
        (
            10,
            "warning",
            (
                "`retry_conditions` has no effect here: rate limits, time-outs, broken connections and "
                "errors of the server are tried again"
            ),
        ),
        (
            12,
            "error",
            "`extraction_config` of step 'b': the format 'json' is not supported yet by this runner: only text is",
        ),
        (12, "warning", "`include_metadata` has no effect here: the text is taken as it is"),
        (13, "error", "step 'c': function calling is not supported yet by this runner"),
    ]
    retry = found.pipeline.steps[0].retry
    assert retry is not None
    assert (retry.max_attempts, [retry.delay_s(attempt) for attempt in (1, 2, 3)]) == (2, [1.0, 2.0, 4.0])


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(resources.files("quarterdeck_runner").joinpath("schema.json").read_text())
    return loaded


def test_the_published_schema_knows_the_same_keys() -> None:
    definitions = schema()["$defs"]
    assert {name: tuple(definitions[name]["properties"]) for name in KEYS} == dict(KEYS)
    assert [each["$ref"].rpartition(".")[2] for each in definitions["step"]["oneOf"]] == list(STEP_TYPES)


EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_have_no_problem_and_fit_the_schema(path: Path) -> None:
    import jsonschema  # it has none of its own

    assert validate(path.read_text("utf-8"), path).diagnostics == ()
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), schema())
