"""Runs that use the results of earlier ones, and runs that differ from what their pipeline says."""

from typing import Any

import httpx
import pytest

from quarterdeck import semconv
from quarterdeck_runner.continuing import kept
from quarterdeck_runner.options import env_problems
from support.runner import Runner

CHAIN = """
workflow:
  name: chain
  inputs: {mark: {type: string}}
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] {{ inputs.mark }}-one"}
    - {name: note, type: set_variable, variables: {seen: "{{ one }}"}}
    - {name: two, type: claude, prompt: "[[errn:1:400]] {{ inputs.mark }}-two {{ state.seen }}"}
    - {name: three, type: claude, prompt: "[[say:end]] {{ inputs.mark }}-three {{ one }}"}
"""


def asked(stand_in: str, mark: str) -> list[str]:
    """Prompts with a word in them, in the order in which they were asked."""
    bodies = [request["body"] for request in httpx.get(f"{stand_in}/__requests").json() if request["body"]]
    prompts = [str(body["messages"][0]["content"]) for body in bodies if "messages" in body]
    return [prompt for prompt in prompts if mark in prompt]


def steps_of(runner: Runner, run: dict[str, Any], spans: int) -> dict[str, tuple[Any, Any]]:
    """Status of each step span of a run, and whether it was reused."""
    found = [span for span in runner.spans(run, spans) if span.name.startswith("step")]
    told = {span.name.removeprefix("step "): dict(span.attributes or {}) for span in found}
    return {name: (each[semconv.STEP_STATUS], each.get(semconv.STEP_REUSED)) for name, each in told.items()}


def test_a_retry_begins_at_the_step_that_failed(runner: Runner, stand_in: str) -> None:
    failed = runner.result(runner.start(runner.pipeline(CHAIN), mark="retry-me"))
    assert (failed["status"], failed["steps_done"], failed["actions"]) == ("failed", 2, ["retry", "replay"])
    answer = runner.http.post(f"/v1/runs/{failed['id']}/retry", json={"priority": 9})
    assert answer.status_code == 202
    assert answer.json()["origin"] == {"run": failed["id"], "relation": "retry", "from_step": None}
    again = runner.result(answer.json()["id"])
    assert (again["status"], again["output"], again["priority"]) == ("completed", "end", 9)
    assert again["id"] != failed["id"]
    assert again["trace_id"] != failed["trace_id"]
    words = [prompt.split("retry-me-")[1] for prompt in asked(stand_in, "retry-me")]
    assert words == ["one", "two 1", "two 1", "three 1"]
    assert steps_of(runner, again, 7) == {
        "one": ("completed", True),
        "note": ("completed", True),
        "two": ("completed", None),
        "three": ("completed", None),
    }
    assert runner.http.post(f"/v1/runs/{again['id']}/retry").status_code == 409


def test_a_replay_with_an_edited_prompt_asks_only_from_there(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline(CHAIN.replace("[[errn:1:400]]", "[[say:2]]"))
    first = runner.result(runner.start(name, mark="replay-me"))
    assert first["status"] == "completed"
    edits = {"two": {"prompt": "[[say:two]] replay-me-edited {{ state.seen }}", "model": "claude-haiku-5-5"}}
    answer = runner.http.post(f"/v1/runs/{first['id']}/replay", json={"steps": edits})
    assert answer.json()["origin"] == {"run": first["id"], "relation": "replay", "from_step": "two"}
    again = runner.result(answer.json()["id"])
    assert (again["status"], again["output"]) == ("completed", "end")
    words = [prompt.split("replay-me-")[1] for prompt in asked(stand_in, "replay-me")]
    assert words == ["one", "two 1", "three 1", "edited 1", "three 1"]
    # A replay of the replay finds the results that the replay itself had reused.
    third = runner.http.post(f"/v1/runs/{again['id']}/replay", json={"from_step": "three"}).json()
    assert runner.result(third["id"])["status"] == "completed"
    assert [prompt.split("replay-me-")[1] for prompt in asked(stand_in, "replay-me")] == [*words, "three 1"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"from_step": "tow"}, "the pipeline has no step 'tow'; did you mean 'two'?"),
        ({"steps": {"thre": {"prompt": "x"}}}, "the pipeline has no step 'thre'; did you mean 'three'?"),
        ({"from_step": "three", "steps": {"one": {"prompt": "x"}}}, "comes before 'three': replay from 'one'"),
        ({"steps": {"two": {"type": "bash"}}}, "shell commands are not run"),
        ({"steps": {"two": {"prompt": None}}}, "prompt"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(runner: Runner, body: dict[str, Any], problem: str) -> None:
    name = runner.pipeline(CHAIN.replace("[[errn:1:400]]", "[[say:2]]"))
    run = runner.result(runner.start(name, mark="refuse-me"))
    answer = runner.http.post(f"/v1/runs/{run['id']}/replay", json=body)
    assert answer.status_code == 422, answer.text
    assert problem in answer.json()["detail"]


def test_a_run_can_ask_another_model_or_provider(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: elsewhere
  steps:
    - {name: a, type: claude, prompt: "[[say:a]] elsewhere-a"}
    - {name: b, type: gemini, prompt: "[[say:b]] elsewhere-b"}
""")

    def models(**options: str) -> list[str]:
        before = len(runner.http.get(f"{stand_in}/__requests").json())
        answer = runner.http.post("/v1/runs", json={"pipeline": name, **options})
        assert runner.result(answer.json()["id"])["status"] == "completed"
        asked_now = runner.http.get(f"{stand_in}/__requests").json()[before:]
        mine = [each for each in asked_now if "elsewhere-" in str(each["body"])]
        return [each["body"].get("model") or each["path"].split("/models/")[1].split(":")[0] for each in mine]

    assert models() == ["claude-sonnet-5-5", "gemini-3.8-flash"]
    assert models(model="haiku") == ["claude-haiku-5-5", "claude-haiku-5-5"]
    assert models(provider="gemini") == ["gemini-3.8-flash", "gemini-3.8-flash"]
    assert models(provider="claude") == ["claude-sonnet-5-5", "claude-sonnet-5-5"]
    answer = runner.http.post("/v1/runs", json={"pipeline": name, "provider": "gemini", "model": "haiku"})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the model 'claude-haiku-5-5' is not one of gemini: name one of its models, or leave the provider out",
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PATH", "/tmp", "decides what programs"),  # noqa: S108 - nothing is put there
        ("ld_preload", "x.so", "decides what programs"),
        ("PYTHONPATH", ".", "decides what programs"),
        ("QUARTERDECK_RUNNER_DB", "x", "decides what programs"),
        ("ANTHROPIC_API_KEY", "x", "holds a secret"),
        ("DB_PASSWORD", "x", "holds a secret"),
        ("GH_TOKEN", "x", "holds a secret"),
        ("HARMLESS", "sk-ant-api03-aaaaaaaaaaaaaaaaaaaa", "holds a secret"),
        ("ANTHROPIC_BASE_URL", "http://elsewhere", "decides where keys"),
        ("https_proxy", "http://elsewhere", "decides where keys"),
        ("A-B", "x", "is no name"),
        ("A", "x\0y", "without zero bytes"),
        ("REGION", "eu", ""),
        ("MAX_TOKENS", "50", ""),
    ],
)
def test_variables_that_a_run_may_not_set(name: str, value: str, problem: str) -> None:
    found = env_problems({name: value})
    assert [each["variable"] for each in found] == ([name] if problem else [])
    assert all(problem in each["message"] for each in found)


def test_a_protected_variable_is_a_problem_document(runner: Runner) -> None:
    name = runner.pipeline("name: any\nsteps: [{name: a, type: echo, value: x}]")
    answer = runner.http.post("/v1/runs", json={"pipeline": name, "env": {"LD_PRELOAD": "x", "OK": "y"}})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [each["variable"] for each in answer.json()["errors"]] == ["LD_PRELOAD"]


@pytest.mark.parametrize(
    ("names", "first", "expected"),
    [
        ({"a": True, "b": False}, "", ["a"]),
        ({"a": True, "b": True}, "", ["a", "b"]),
        ({"a": False, "b": True}, "", ["a", "b"]),
        ({"a": True, "loop[1]/x": True, "loop[2]/x": True, "z": True}, "loop", ["a"]),
        ({"a": True, "ab": True}, "a", []),
        ({"ab": True, "a": True}, "a", ["ab"]),
        ({"a": True}, "never ran", ["a"]),
        ({}, "", []),
    ],
)
def test_which_results_are_used_again(names: dict[str, bool], first: str, expected: list[str]) -> None:
    assert list(kept({name: {"success": success} for name, success in names.items()}, first)) == expected


def test_a_dry_run_tells_prompts_and_cost_and_asks_nobody(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: dry
  env: {REGION: eu}
  inputs: {topic: {type: string}}
  steps:
    - name: draft
      type: claude
      token_budget: {max_output_tokens: 100}
      prompt: "dry-me {{ inputs.topic }} {{ env.REGION }}"
    - {name: skip, type: claude, prompt: "dry-me never", condition: "inputs.topic == 'x'"}
    - {name: judge, type: gemini, token_budget: {max_output_tokens: 50}, prompt: "dry-me {{ draft }}"}
""")
    body = {
        "pipeline": name,
        "inputs": {"topic": "tides"},
        "provider": "claude",
        "model": "haiku",
        "env": {"REGION": "us"},
    }
    before = len(runner.http.get("/v1/runs").json()["runs"])
    answer = runner.http.post("/v1/runs/dry-run", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [(step["step"], step["skipped"], [call["prompt"] for call in step["calls"]]) for step in told["steps"]] == [
        ("draft", False, ["dry-me tides us"]),
        ("skip", True, []),
        ("judge", False, ["dry-me «answer of step draft»"]),
    ]
    assert {(call["provider"], call["model"]) for call in told["calls"]} == {("claude", "claude-haiku-5-5")}
    assert told["input_tokens"] == sum(call["input"]["tokens"] for call in told["calls"]) > 0
    assert (told["not_told"], told["calls"][1]["waits_for"]) == ([], ["draft"])
    assert httpx.get(f"{stand_in}/__requests").text.count("dry-me") == 0
    assert len(runner.http.get("/v1/runs").json()["runs"]) == before
    wrong = {**body, "env": {"PATH": "x"}}
    assert runner.http.post("/v1/runs/dry-run", json=wrong).status_code == 422
