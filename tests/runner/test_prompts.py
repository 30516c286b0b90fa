"""Prompts over REST: what they will be, and what they will use and cost."""

import json
from typing import Any

import httpx
import pytest

from quarterdeck_runner.keys import Keys
from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.prediction import Predictor
from quarterdeck_runner.prices import Prices
from quarterdeck_runner.providers import ModelCall, Providers
from quarterdeck_runner.spec import TokenBudget
from support.runner import Runner

PIPELINE = """
workflow:
  name: described
  inputs: {topic: {type: string}, depth: {type: integer, default: 1}}
  steps:
    - {name: style, type: set_variable, variables: {tone: "kind to {{ inputs.topic }}"}}
    - name: draft
      type: claude
      model: haiku
      token_budget: {max_output_tokens: 100}
      prompt:
        - {type: static, content: "Write about {{ inputs.topic }}, {{ state.tone }} {{ nobody }}."}
        - {type: file, path: facts.txt}
    - {name: deep, type: claude, prompt: never, if: "inputs.depth > 1"}
    - {name: open, type: claude, prompt: unsure, if: "draft == 'yes'"}
    - name: judge
      type: gemini
      model: gemini-3.8-flash
      prompt: [{type: static, content: "Judge:"}, {type: previous_response, step: draft}]
"""


def post(runner: Runner, route: str, **body: Any) -> dict[str, Any]:
    answer = runner.http.post(f"/v1/prompts/{route}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def asked(stand_in: str) -> int:
    paths = [request["path"] for request in httpx.get(f"{stand_in}/__requests").json()]
    return sum("count" not in path for path in paths)


@pytest.fixture
def described(runner: Runner) -> str:
    (runner.folder / "facts.txt").write_text("Water.")
    return runner.pipeline(PIPELINE)


def test_every_character_of_a_prompt_has_its_part(runner: Runner, described: str, stand_in: str) -> None:
    before = asked(stand_in)
    steps = post(runner, "render", pipeline=described, inputs={"topic": "tides"})["steps"]
    assert asked(stand_in) == before
    assert [(step["step"], step["type"], step["skipped"], len(step["calls"])) for step in steps] == [
        ("style", "set_variable", False, 0),
        ("draft", "claude", False, 1),
        ("deep", "claude", True, 0),
        ("open", "claude", False, 1),
        ("judge", "gemini", False, 1),
    ]
    draft, judge = steps[1]["calls"][0], steps[4]["calls"][0]
    assert draft["prompt"] == "Write about tides, kind to tides {{ nobody }}.\nWater."
    assert [(part["kind"], part["source"], part["text"]) for part in draft["parts"]] == [
        ("static", "line 12", "Write about "),
        ("variable", "inputs.topic", "tides"),
        ("static", "line 12", ", "),
        ("variable", "state.tone", "kind to tides"),
        ("static", "line 12", " "),
        ("static", "line 12", "{{ nobody }}"),
        ("static", "line 12", ".\n"),
        ("file", "facts.txt", "Water."),
    ]
    assert all(draft["prompt"][part["start"] : part["end"]] == part["text"] for part in draft["parts"])
    assert draft["problems"] == ["{{ nobody }} stays as it is: nothing is called 'nobody'"]
    assert (judge["prompt"], judge["waits_for"]) == ("Judge:\n«answer of step draft»", ["draft"])


def test_known_answers_take_the_place_of_the_placeholder(runner: Runner, described: str) -> None:
    body = {"pipeline": described, "inputs": {"topic": "tides"}, "results": {"draft": "no"}}
    steps = post(runner, "render", **body)["steps"]
    assert (steps[3]["skipped"], steps[4]["calls"][0]["prompt"]) == (True, "Judge:\nno")
    assert steps[4]["calls"][0]["waits_for"] == []


def test_a_prompt_can_be_written_here(runner: Runner) -> None:
    body = {
        "prompt": "Translate {{ inputs.text }} into {{ language }}",
        "inputs": {"text": "a {{ b }}", "language": "fr"},
    }
    (step,) = post(runner, "render", model="gemini-3.8-flash", system="Be brief.", **body)["steps"]
    (call,) = step["calls"]
    assert (call["provider"], call["model"]) == ("gemini", "gemini-3.8-flash")
    assert call["prompt"] == "Be brief.\nTranslate a {{ b }} into fr"
    assert call["problems"] == []


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({}, 422, "give `pipeline` or `prompt`, one of the two"),
        ({"pipeline": "described", "prompt": "x"}, 422, "give `pipeline` or `prompt`, one of the two"),
        ({"prompt": "x", "inputs": {"a": [float("nan")]}}, 400, "a number is infinite or none at all"),
        ({"pipeline": "nope"}, 404, "there is no pipeline 'nope'"),
        ({"pipeline": "described"}, 422, "input 'topic': needs a value of type string"),
    ],
)
@pytest.mark.parametrize("route", ["render", "predict"])
def test_what_cannot_be_rendered_is_refused(
    runner: Runner, described: str, *, route: str, body: dict[str, Any], status: int, detail: str
) -> None:
    assert described == "described"
    headers = {"content-type": "application/json"}
    answer = runner.http.post(f"/v1/prompts/{route}", content=json.dumps(body), headers=headers)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


def test_providers_count_where_there_is_a_key(runner: Runner, described: str, stand_in: str) -> None:
    before = asked(stand_in)
    found = post(runner, "predict", pipeline=described, inputs={"topic": "tides"}, results={"draft": "yes " * 400})
    assert asked(stand_in) == before
    calls = {call["step"]: call for call in found["calls"]}
    for call in (calls["draft"], calls["judge"]):
        # The stand-in takes four characters for a token.
        assert (call["input"]["tokens"], call["input"]["method"]) == (-(-call["characters"] // 4), "counted")
    prices = Prices()
    tokens = calls["draft"]["input"]["tokens"]
    most = prices.cost("claude", "claude-haiku-5-5", input_tokens=tokens, output_tokens=100)
    assert (calls["draft"]["max_output_tokens"], calls["draft"]["max_cost_usd"]) == (100, most)


async def enter(ledger: Ledger, characters: int, input_tokens: int, output_tokens: int) -> None:
    counts = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    await ledger.enter("claude", "claude-haiku-5-5", characters, **counts, started_ns=1, duration_ns=1)


def question(characters: int) -> ModelCall:
    budget = TokenBudget(max_output_tokens=1000)
    return ModelCall("claude", "claude-haiku-5-5", "x" * characters, "", budget, 5, client_retries=False)


async def test_without_a_key_it_is_learnt_from_earlier_calls_and_says_how_far_it_is_off(tmp_path: Any) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/runner.sqlite", Prices())
    predictor = Predictor(Providers(Keys({})), ledger)
    first = await predictor.predict(question(400))
    assert (first.input.tokens, first.input.method, first.input.error, first.output, first.cost) == (
        100, "assumed", None, None, None,
    )  # fmt: skip
    assert "set ANTHROPIC_API_KEY" in first.input.note
    assert "4 characters a token are assumed" in first.input.note
    assert first.max_cost == Prices().cost("claude", "claude-haiku-5-5", input_tokens=100, output_tokens=1000)

    for characters, tokens, answer in ((300, 100, 40), (300, 100, 60), (300, 110, 50), (600, 190, 50)):
        await enter(ledger, characters, tokens, answer)
    learnt = await predictor.predict(question(400), ask=False)
    assert (learnt.input.tokens, learnt.input.method, learnt.input.samples) == (133, "learnt", 4)
    # Each of the four out of the other three; nine of ten of four are all of them.
    others = [(300, 100, 400 / 1200), (300, 110, 390 / 1200), (600, 190, 310 / 900)]
    assert learnt.input.error == pytest.approx(max(abs(n * ratio - tokens) / tokens for n, tokens, ratio in others))
    assert learnt.input.note == ""
    assert learnt.output is not None
    assert (learnt.output.tokens, learnt.output.samples) == (50, 4)
    assert learnt.cost == Prices().cost("claude", "claude-haiku-5-5", input_tokens=133, output_tokens=50)
    ledger.close()
