"""Single calls over REST: what is asked, what comes back, and how they are recorded."""

from typing import Any

import httpx
import pytest

import quarterdeck as qd
from quarterdeck import semconv
from support.runner import Runner

TALK = [
    {"role": "user", "content": "Name a tide."},
    {"role": "assistant", "content": "Neap."},
    {"role": "user", "content": "And another?"},
]


def ask(runner: Runner, **body: Any) -> dict[str, Any]:
    answer = runner.http.post("/v1/calls", json={"messages": TALK, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("model", "turns"), [("haiku", "messages"), ("gemini-3.8-flash", "contents")])
def test_a_conversation_is_sent_as_it_is_and_recorded_as_a_run(
    runner: Runner, stand_in: str, model: str, turns: str
) -> None:
    answer = ask(runner, model=model, system="One word, please.", max_output_tokens=50)
    assert answer["problem"] == ""
    assert answer["text"]
    assert answer["cost_usd"] > 0
    sent = httpx.get(f"{stand_in}/__requests").json()[-1]["body"]
    assert [turn["role"].replace("model", "assistant") for turn in sent[turns]] == ["user", "assistant", "user"]
    assert "And another?" in str(sent[turns][-1])
    qd.flush()
    spans = [
        span
        for span in runner.exporter.get_finished_spans()
        if (span.attributes or {}).get(semconv.RUN_ID) == answer["run_id"]
    ]
    assert [span.name for span in spans][-2:] == ["step call", "invoke_workflow prompt_debugger"]
    assert spans[0].name.endswith(answer["model"])


def test_a_call_that_fails_says_why_and_is_recorded_too(runner: Runner) -> None:
    answer = ask(runner, model="haiku", messages=[{"role": "user", "content": "[[error:400]]"}])
    assert answer["problem"].startswith("Claude answered 400")
    assert (answer["text"], answer["cost_usd"]) == ("", None)
    assert answer["run_id"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"model": "haiku", "messages": []}, "at least 1 item"),
        ({"model": "haiku", "messages": TALK[:2]}, "the last message must be the user's"),
        ({"messages": TALK}, "model: Field required"),
    ],
)
def test_what_cannot_be_asked_is_refused(runner: Runner, body: dict[str, Any], detail: str) -> None:
    answer = runner.http.post("/v1/calls", json=body)
    assert answer.status_code == 422
    assert detail in answer.text


def test_models_are_named_with_what_they_stand_for(runner: Runner) -> None:
    models = {each["name"]: each for each in runner.http.get("/v1/models").json()["models"]}
    assert models["haiku"] == {"name": "haiku", "model": "claude-haiku-5-5", "provider": "claude", "priced": True}
    assert models["gemini-3.8-flash"]["provider"] == "gemini"
    assert "claude-3-opus-20240229" not in models
