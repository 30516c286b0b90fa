from pathlib import Path

import pytest

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
broken.yaml:30:11: error: the prompt of step 'first': there is no session 's' and no step of this name before
broken.yaml:33:13: error: step 'run': the step type 'bash' is refused: shell commands are not run from pipelines
broken.yaml:34:7: error: step 'loop' needs `data_source`: a list, or the name of a step or variable that holds one
broken.yaml:34:7: error: step 'loop' needs `steps`: a list
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
  checkpoint_enabled: false
  checkpoint_dir: ./kept
  defaults: {claude_output_format: json}
  steps:
    - name: a
      type: claude_robust
      environment_aware: true
      claude_options: {hooks: {}, mcp_servers: {files: {command: x}}, permission_mode: plan}
      prompt: x
    - name: b
      type: claude_session
      session_config: {session_name: s, persist: true}
      prompt: [{type: previous_response, step: a, prefix: "> "}]
""")
    assert [(each.line, each.severity, each.message) for each in found.diagnostics] == [
        (4, "warning", "`checkpoint_enabled: false` has no effect here: every finished step is kept by itself"),
        (5, "warning", "`checkpoint_dir` has no effect here: every finished step is kept with its run"),
        (6, "warning", "`claude_output_format` has no effect here: answers are text"),
        (10, "warning", "`environment_aware` has no effect here: steps see inputs and variables only"),
        (11, "warning", "`mcp_servers` belongs to the Claude command line and has no effect here"),
        (11, "warning", "`permission_mode` belongs to the Claude command line and has no effect here"),
        (15, "warning", "`persist` has no effect here: a session lives as long as its run, also across restarts"),
        (
            16,
            "warning",
            "part 1 of the prompt of step 'b': `prefix` has no effect here: put a static part before it",
        ),
    ]


INSIDE = """\
workflow:
  name: inside
  env: {REGION: eu, API_TOKEN: x}
  max_cost_usd: 0
  gemini_functions:
    look up: {description: spaces in a name}
    find: {parameters: {type: objekt}}
  variables: {list: [1, 2]}
  steps:
    - name: each
      type: for_loop
      iterator: item
      data_source: lst
      max_parallel: 50
      steps:
        - {name: a, type: echo, value: "{{ loop.itm }} {{ item }} {{ loop.index }}"}
        - {name: b, type: gemini, prompt: x, functions: [fnd], model: gemini-9-ultra}
    - {name: c, type: echo, value: "{{ a }} {{ loop.index }} {{ env.REGOIN }}"}
    - {name: d, type: while_loop, condition: "e.n < 3 and state.x", steps: [{name: e, type: echo, value: {n: 1}}]}
    - {name: f, type: claude_batch, batch_config: {max_parallel: 0}, tasks: [{id: a, prompt: x}, {id: a, file: no.txt}]}
    - {name: g, type: claude_extract, prompt: x, extraction_config: {post_processing: [extract_link]}}
    - {name: h, type: data_transform, input_source: nowhere, operations: [{operation: sotr}, {operation: filter}]}
    - {name: i, type: file_ops, operation: copy, source: /etc/passwd, destination: ../x}
    - {name: j, type: file_ops, operation: stream_process}
    - {name: k, type: claude, prompt: x, output_schema: {type: nothing}}
    - {name: l, type: gemini, prompt: [{type: claude_continue, session_id: each, new_prompt: x}]}
    - {name: m, type: dspy_predict}
    - {name: n, type: pipeline, pipeline_ref: other}
    - {name: o, type: claude, prompt: x, model: claude-sonet-5-5}
"""


def test_every_problem_inside_steps_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [line.replace(str(tmp_path), "FOLDER").partition(":")[2] for line in shown(INSIDE, tmp_path)]
    assert "\n".join([*found, ""]) == FOUND_INSIDE


FOUND_INSIDE = """\
3:21: error: `env` of the workflow: 'API_TOKEN' looks like a secret, and what a pipeline sees goes into prompts: leave keys to the runner
4:17: error: `max_cost_usd` of the workflow must be between 1e-06 and 1e+06, not 0
6:14: error: function 'look up': 'look up' is no name of a function: at most 64 letters, digits, _ and -
7:24: error: `parameters` of function 'find' is no JSON Schema: 'type': 'objekt' is not valid under any of the given schemas
10:7: error: the data of step 'each': nothing sets 'lst'; did you mean 'list'?
14:21: error: `max_parallel` of step 'each' must be between 1 and 10, not 50
16:41: warning: {{ loop.itm }} stays as it is: a loop has no 'itm'; did you mean 'item'?
17:58: error: step 'b': there is no function 'fnd'; did you mean 'find'?
17:71: warning: the model 'gemini-9-ultra' is not known, nor its price; did you mean 'gemini-3.8-flash'?
18:37: warning: {{ a }} stays as it is: the step 'a' does not run before this one
18:45: warning: {{ loop.index }} stays as it is: `loop` has a meaning inside a loop only
18:62: warning: {{ env.REGOIN }} stays as it is: `env` does not declare 'REGOIN'; did you mean 'REGION'?
19:7: error: the condition of step 'd': nothing sets the variable 'x' before
20:66: error: `max_parallel` of `batch_config` of step 'f' must be between 1 and 100, not 0
20:99: error: two tasks of step 'f' are called 'a': rename one
20:106: error: the prompt of step 'f': there is no file 'no.txt' in FOLDER
21:88: error: `post_processing` of `extraction_config` of step 'g' may hold extract_code_blocks, extract_recommendations, extract_links, extract_key_points, format_markdown, generate_summary, not 'extract_link'; did you mean 'extract_links'?
22:7: error: the data of step 'h': nothing sets 'nowhere'; did you mean 'now'?
22:87: error: `operation` of operation 1 of step 'h' must be one of filter, map, aggregate, join, group_by, sort, not 'sotr'; did you mean 'sort'?
22:94: error: operation 2 of step 'h' needs `condition`
23:50: error: `source` of step 'i' must stay in the workspace: write a relative path without '..'
23:71: error: `destination` of step 'i' must stay in the workspace: write a relative path without '..'
24:44: error: step 'j': 'stream_process' is refused: its processors belong to another program
25:57: error: `output_schema` of step 'k' is no JSON Schema: 'type': 'nothing' is not valid under any of the given schemas
26:40: error: step 'l': only Claude's steps continue a session of Claude
27:23: error: step 'm': the step type 'dspy_predict' is refused: it belongs to another program
28:33: error: step 'n': `pipeline_ref` is refused: name the file in `pipeline_file`
28:33: warning: step 'n' has no key 'pipeline_ref': it is ignored; did you mean 'pipeline_file'?
29:49: warning: the model 'claude-sonet-5-5' is not known, nor its price; did you mean 'claude-sonnet-5-5'?
"""  # noqa: E501 - whole messages


def nested(folder: Path, **files: str) -> list[str]:
    """What is said about ``main`` of some files that run each other."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    found = validate(files["main"], folder / "main.yaml").diagnostics
    return [str(each).replace(str(folder), "FOLDER") for each in found]


def runs(name: str, more: str = "") -> str:
    return f"name: x\nsteps:\n  - {{name: go, type: pipeline, pipeline_file: {name}.yaml{more}}}\n"


def test_pipelines_that_run_each_other_without_end_are_refused(tmp_path: Path) -> None:
    assert nested(tmp_path, main=runs("child"), child=runs("grandchild"), grandchild=runs("main")) == [
        (
            "grandchild.yaml:3:32: error: step 'go': the pipelines run each other without end: "
            "main.yaml → child.yaml → grandchild.yaml → main.yaml"
        )
    ]


def test_pipelines_are_not_nested_without_bound(tmp_path: Path) -> None:
    files = {f"p{number}": runs(f"p{number + 1}") for number in range(12)}
    (found,) = nested(tmp_path, main=runs("p0"), **files)
    assert found == "p9.yaml:3:5: error: step 'go': pipelines are nested deeper than 10 levels"


def test_problems_of_a_nested_file_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    child = """\
workflow:
  name: child
  inputs: {a: {type: string}, b: {type: string, default: x}}
  steps:
    - {name: one, type: claude, prompt: "{{ inputs.c }} {{ main_step }}"}
    - {name: two, type: bash}
"""
    inputs = ", inputs: {b: 1, d: 2}, outputs: [one, tow, {path: one.x, as: y}]"
    assert nested(tmp_path, main=runs("child", inputs), child=child) == [
        "main.yaml:3:5: error: step 'go': the pipeline 'child' has no input 'd'",
        "main.yaml:3:5: error: step 'go': the pipeline 'child' needs the input 'a'",
        "main.yaml:3:96: error: output 2 of step 'go': the pipeline has no step 'tow'; did you mean 'two'?",
        "child.yaml:5:42: warning: {{ inputs.c }} stays as it is: there is no input 'c'",
        "child.yaml:5:57: warning: {{ main_step }} stays as it is: nothing sets 'main_step'",
        (
            "child.yaml:6:25: error: step 'two': the step type 'bash' is refused: "
            "shell commands are not run from pipelines"
        ),
    ]
    assert nested(tmp_path, main=runs("nowhere")) == [
        "main.yaml:3:32: error: step 'go': there is no file 'nowhere.yaml' in FOLDER"
    ]
