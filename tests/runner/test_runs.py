"""Runs over REST, against the provider stand-in."""

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.trace import StatusCode

from quarterdeck import semconv
from support.runner import Runner, eventually

SLOW = "[[n:3000]][[delay:0.02]]"
"""A minute of streaming."""

ECHO = """
workflow:
  name: echo
  inputs: {who: {type: string, default: world}}
  steps:
    - {name: hello, type: echo, value: "hello {{ inputs.who }}"}
    - {name: twice, type: set_variable, variables: {both: "{{ hello }}, {{ hello }}"}}
    - {name: end, type: echo, value: "{{ state.both }}!", output_to_file: "{{ inputs.who }}.txt"}
"""


def requests(stand_in: str, marker: str) -> list[dict[str, Any]]:
    """What the stand-in was asked with a prompt that holds a word."""
    return [request for request in httpx.get(f"{stand_in}/__requests").json() if marker in str(request["body"])]


def test_a_run_of_steps_that_ask_nobody(runner: Runner) -> None:
    run = runner.result(runner.start(runner.pipeline(ECHO), who="sea"))
    variable = {"id", "trace_id", "created_at", "started_at", "completed_at"}
    assert {key: value for key, value in run.items() if key not in variable} == {
        "pipeline": "echo",
        "kind": "yaml",
        "status": "completed",
        "pending": None,
        "current_step": None,
        "steps_done": 3,
        "steps_total": 3,
        "error": None,
        "inputs": {"who": "sea"},
        "output": "hello sea, hello sea!",
        "actions": ["replay"],
        "priority": 5,
        "env": {},
        "provider": None,
        "model": None,
        "keys": {},
        "origin": None,
        "hint": None,
    }
    assert run["created_at"] <= run["started_at"] <= run["completed_at"]
    assert run["created_at"].endswith("Z")
    written = runner.data / "outputs" / run["id"] / "sea.txt"
    assert written.read_text() == "hello sea, hello sea!"


def test_models_are_asked_with_what_the_pipeline_says(runner: Runner, stand_in: str) -> None:
    (runner.folder / "facts.txt").write_text("{{ inputs.topic }} stays a template here")
    name = runner.pipeline("""
workflow:
  name: models
  inputs: {topic: {type: string}}
  defaults: {claude_options: {model: haiku, system_prompt: "You know {{ inputs.topic }}."}}
  steps:
    - name: draft
      type: claude
      token_budget: {max_output_tokens: 777}
      prompt:
        - {type: static, content: "[[say:{\\"score\\": 8}]] wording-one {{ inputs.topic }}"}
        - {type: file, path: facts.txt}
    - name: judge
      type: gemini
      token_budget: {max_output_tokens: 99, temperature: 0.5}
      prompt:
        - {type: static, content: "[[say:fine]] wording-two"}
        - {type: previous_response, step: draft, extract: score}
""")
    run = runner.result(runner.start(name, topic="tides"))
    assert (run["status"], run["output"], run["error"]) == ("completed", "fine", None)
    (claude,) = requests(stand_in, "wording-one")
    assert {key: claude["body"][key] for key in ("model", "max_tokens", "system", "messages", "stream")} == {
        "model": "claude-haiku-5-5",
        "max_tokens": 777,
        "system": "You know tides.",
        "messages": [
            {
                "role": "user",
                "content": '[[say:{"score": 8}]] wording-one tides\n{{ inputs.topic }} stays a template here',
            }
        ],
        "stream": True,
    }
    (gemini,) = requests(stand_in, "wording-two")
    assert gemini["path"].endswith("/models/gemini-3.8-flash:streamGenerateContent?alt=sse")
    assert gemini["body"]["contents"][0]["parts"] == [{"text": "[[say:fine]] wording-two\n8"}]
    assert gemini["body"]["generationConfig"] == {"maxOutputTokens": 99, "temperature": 0.5}


def test_spans_tell_the_run(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: told
  steps:
    - {name: ask, type: claude, token_budget: {max_output_tokens: 50}, prompt: "[[say:yes]] {{ workflow.name }}?"}
    - {name: skip, type: echo, value: never, if: "ask == 'no'"}
    - name: both
      type: parallel_claude
      parallel_tasks:
        - {id: left, prompt: "[[say:L]]"}
        - {id: right, prompt: "[[say:R]]"}
""")
    run = runner.result(runner.start(name))
    spans = {span.name: span for span in runner.spans(run, 9)}
    assert sorted(span.name for span in runner.spans(run, 9)) == [
        "chat claude-sonnet-5-5", "chat claude-sonnet-5-5", "chat claude-sonnet-5-5", "invoke_workflow told",
        "step ask", "step both", "step left", "step right", "step skip",
    ]  # fmt: skip
    kept = (semconv.STEP_INDEX, semconv.STEP_TOTAL, semconv.STEP_KIND, semconv.STEP_STATUS, semconv.STEP_TOKEN_BUDGET)
    steps = {name: dict(spans[name].attributes or {}) for name in spans if name.startswith("step")}
    assert {name: [attributes.get(key) for key in kept] for name, attributes in steps.items()} == {
        "step ask": [1, 3, "claude", "completed", 50],
        "step skip": [2, 3, "echo", "skipped", None],
        "step both": [3, 3, "parallel_claude", "completed", None],
        "step left": [3, 3, "claude", "completed", None],
        "step right": [3, 3, "claude", "completed", None],
    }
    root = dict(spans["invoke_workflow told"].attributes or {})
    assert root[semconv.RUN_STATUS] == "completed"
    assert root[semconv.RUN_OUTPUT] == '{"left":"L","right":"R"}'
    assert {dict(span.attributes or {})[semconv.RUN_ID] for span in spans.values()} == {run["id"]}
    call = next(
        span
        for span in runner.spans(run, 9)
        if span.name.startswith("chat") and span.parent and spans["step ask"].context.span_id == span.parent.span_id
    )
    assert dict(call.attributes or {})[semconv.PROMPT_PARTS] == (
        '[{"kind":"static","source":"line 5","text":"[[say:yes]] "},'
        '{"kind":"variable","source":"workflow.name","text":"told"},{"kind":"static","source":"line 5","text":"?"}]'
    )


def test_a_failing_model_call_fails_the_run_with_the_providers_words(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: failing
  steps:
    - {name: fine, type: echo, value: x}
    - {name: bad, type: claude, prompt: "[[error:400]]"}
    - {name: never, type: echo, value: y}
""")
    run = runner.result(runner.start(name))
    assert (run["status"], run["steps_done"], run["output"]) == ("failed", 1, None)
    assert run["error"].startswith("failing.yaml:6: step 'bad': Claude answered 400: ")
    spans = {span.name: span for span in runner.spans(run, 4)}
    assert {name: span.status.status_code for name, span in spans.items()} == {
        "step fine": StatusCode.UNSET,
        "step bad": StatusCode.ERROR,
        "chat claude-sonnet-5-5": StatusCode.ERROR,
        "invoke_workflow failing": StatusCode.ERROR,
    }
    assert dict(spans["invoke_workflow failing"].attributes or {})[semconv.RUN_STATUS] == "failed"
    assert run["error"] in str(spans["invoke_workflow failing"].status.description)


@pytest.mark.parametrize(
    ("step", "status", "output", "error"),
    [
        ('type: gemini, prompt: "[[error:403]]"', "failed", None, "Gemini answered 403"),
        ('type: gemini, prompt: "[[block]]"', "failed", None, "gave no text (blocked: "),
        ('type: claude, prompt: "[[n:0]]"', "failed", None, "gave no text"),
        ('type: claude, prompt: "[[say:x]][[ttft:30]]", timeout: 0.5', "failed", None, "no answer within 0.5 s"),
        (
            'type: claude, prompt: "[[cut:2]][[n:9]]", retry: {max_attempts: 1}',
            "failed",
            None,
            "the connection to the provider failed",
        ),
        ('type: claude, prompt: "[[error:400]]", continue_on_error: true', "completed", None, None),
        (
            'type: claude_robust, prompt: "[[error:400]]", retry_config: {fallback_action: emergency_response}',
            "completed",
            "No answer: Claude answered 400",
            None,
        ),
        ("type: echo, value: x, condition: \"1 < 'a'\"", "failed", None, "the condition cannot be computed: 1 and 'a'"),
        (
            'type: echo, prompt: [{type: file, path: "{{ inputs.path }}"}]',
            "failed",
            None,
            "is outside the pipeline's folder",
        ),
        ('type: echo, value: x, output_to_file: "a/{{ inputs.path }}"', "failed", None, "must stay below the output"),
    ],
)
def test_how_a_step_fails(
    runner: Runner, tmp_path: Path, *, step: str, status: str, output: str | None, error: str | None
) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    path = Path("..") / ".." / tmp_path.relative_to(runner.folder.parents[1]) / "outside.txt"
    name = runner.pipeline(
        f"workflow:\n  name: one\n  inputs: {{path: {{type: string}}}}\n  steps:\n    - {{name: only, {step}}}\n"
    )
    run = runner.result(runner.start(name, path=str(path)))
    assert run["status"] == status
    assert (run["output"] or "").startswith(output or "")
    assert (run["output"] is None) == (output is None)
    assert (error or "") in (run["error"] or "")
    assert (run["error"] is None) == (error is None)


def test_a_step_is_tried_again_and_every_try_is_seen(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: again
  steps:
    - {name: shaky, type: gemini, prompt: "[[errn:2:503]] again-and-again", retry: {max_attempts: 3, interval: 10ms}}
""")
    run = runner.result(runner.start(name))
    assert run["status"] == "completed"
    assert len(requests(stand_in, "again-and-again")) == 3
    attempts = [dict(span.attributes or {}) for span in runner.spans(run, 7) if span.name == "step shaky"]
    assert [(each[semconv.STEP_ATTEMPT], each[semconv.STEP_STATUS]) for each in attempts] == [
        (1, "failed"),
        (2, "failed"),
        (3, "completed"),
    ]


@pytest.mark.parametrize("provider", ["claude", "gemini"])
def test_cancel_breaks_a_streaming_call_off(provider: str, runner: Runner) -> None:
    name = runner.pipeline(f"""
workflow:
  name: long_{provider}
  steps:
    - {{name: long, type: {provider}, prompt: "{SLOW}"}}
    - {{name: after, type: echo, value: x}}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="long")
    answer = runner.tell(run_id, "cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["actions"]) == (
        202,
        "cancelled",
        ["retry", "replay"],
    )
    spans = {span.name: span for span in runner.spans(runner.run(run_id), 2)}
    root = spans[f"invoke_workflow long_{provider}"]
    assert dict(root.attributes or {})[semconv.RUN_STATUS] == "cancelled"
    assert root.status.status_code is StatusCode.UNSET
    assert dict(spans["step long"].attributes or {})[semconv.STEP_STATUS] == "cancelled"
    assert runner.tell(run_id, "cancel").status_code == 409


def test_pause_takes_effect_at_the_next_step(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: pausing
  steps:
    - {name: first, type: claude, prompt: "[[n:30]][[delay:0.02]] pausing-first"}
    - {name: second, type: claude, prompt: "[[say:done]] pausing-second"}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="first")
    asked = runner.tell(run_id, "pause").json()
    assert (asked["status"], asked["pending"], asked["actions"]) == ("running", "pause", ["resume", "cancel"])
    paused = runner.until(run_id, status="paused")
    assert (paused["pending"], paused["steps_done"], paused["actions"]) == (None, 1, ["resume", "cancel"])
    assert requests(stand_in, "pausing-second") == []
    assert runner.tell(run_id, "pause").status_code == 409
    assert runner.tell(run_id, "resume").json()["status"] in {"waiting", "running"}
    assert runner.result(run_id)["output"] == "done"
    assert (len(requests(stand_in, "pausing-first")), len(requests(stand_in, "pausing-second"))) == (1, 1)


def test_a_pause_can_be_taken_back_and_a_paused_run_cancelled(runner: Runner) -> None:
    name = runner.pipeline(f"""
workflow:
  name: wavering
  steps:
    - {{name: first, type: claude, prompt: "{SLOW}"}}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="first")
    runner.tell(run_id, "pause")
    back = runner.tell(run_id, "resume").json()
    assert (back["status"], back["pending"], back["actions"]) == ("running", None, ["pause", "cancel"])
    assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"

    runner.pipeline(ECHO)
    waiting = runner.start("echo")
    assert runner.tell(waiting, "pause").status_code in {202, 409}
    if runner.run(waiting)["status"] == "paused":
        assert runner.tell(waiting, "cancel").json()["status"] == "cancelled"


def test_conditions_skip_and_parallel_branches_meet(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: branches
  inputs: {depth: {type: integer, default: 1}}
  steps:
    - {name: skipped, type: claude, prompt: "[[error:400]]", condition: "inputs.depth > 1"}
    - name: both
      type: parallel_claude
      parallel_tasks:
        - {id: left, prompt: '[[say:{"n": 4}]]'}
        - {id: right, prompt: "[[say:R]]", output_to_file: right.md}
    - {name: end, type: echo, value: "{{ both.left.n }} {{ steps.both.right }} {{ skipped }}|"}
""")
    run = runner.result(runner.start(name))
    assert (run["status"], run["output"]) == ("completed", "4 R |")
    assert (runner.data / "outputs" / run["id"] / "right.md").read_text() == "R"


def test_one_failing_branch_fails_the_step(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: half
  steps:
    - name: both
      type: parallel_claude
      parallel_tasks: [{id: good, prompt: "[[say:x]]"}, {id: bad, prompt: "[[error:400]]"}]
""")
    run = runner.result(runner.start(name))
    assert run["status"] == "failed"
    assert "Claude answered 400" in run["error"]


def test_runs_are_listed_newest_first(runner: Runner) -> None:
    name = runner.pipeline(ECHO)
    ids = [runner.start(name) for _ in range(3)]
    for run_id in ids:
        runner.result(run_id)
    listed = [run["id"] for run in runner.http.get("/v1/runs", params={"limit": 3}).json()["runs"]]
    assert listed == ids[::-1]
    active = runner.http.get("/v1/runs", params={"status": "active"}).json()["runs"]
    assert not {run["id"] for run in active} & set(ids)


def test_a_run_keeps_the_text_it_was_started_with(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: changing
  steps:
    - {name: first, type: claude, prompt: "[[n:30]][[delay:0.02]]"}
    - {name: end, type: echo, value: old}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="first")
    runner.pipeline("workflow:\n  name: changing\n  steps: [{name: end, type: echo, value: new}]")
    assert runner.result(run_id)["output"] == "old"
    assert eventually(lambda: runner.result(runner.start(name))["output"] == "new")


EXAMPLES = Path(__file__).parents[2] / "examples" / "pipelines"


@pytest.mark.parametrize("name", ["contract_review", "release_notes", "support_triage"])
def test_the_examples_run(name: str, runner: Runner) -> None:
    shutil.copytree(EXAMPLES, runner.folder, dirs_exist_ok=True)
    shutil.copytree(EXAMPLES.parent / "documents", runner.folder.parent / "documents", dirs_exist_ok=True)
    run = runner.result(runner.start(name))
    assert (run["status"], run["error"], run["steps_done"]) == ("completed", None, run["steps_total"])
