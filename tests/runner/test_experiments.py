"""Experiments over REST: variants against each other, against the provider stand-in."""

import sys
from importlib.metadata import EntryPoint
from typing import Any

import httpx
import pytest

from quarterdeck_runner import scores
from quarterdeck_runner.scores import Scored, score
from quarterdeck_runner.stats import interval
from support.runner import Runner, eventually


def experiment(runner: Runner, **body: Any) -> dict[str, Any]:
    """Start an experiment and wait for its end."""
    answer = runner.http.post("/v1/experiments", json={"name": "compared", "models": ["haiku"], **body})
    assert answer.status_code == 202, answer.text
    path = f"/v1/experiments/{answer.json()['batch']['id']}"

    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = runner.http.get(path).json()
        return found if found["batch"]["status"] == "completed" else None

    found: dict[str, Any] = eventually(done)
    return found


def items(runner: Runner, found: dict[str, Any]) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = runner.http.get(f"/v1/batches/{found['batch']['id']}/items").json()["items"]
    return page


VARIANTS = [
    {"name": "long", "prompt": "[[say:{{ inputs.wanted }}]] please, and take all the time that you need."},
    {"name": "short", "prompt": "[[say:4]]{{ inputs.wanted }}", "system": "Be brief."},
]


def test_variants_and_models_are_compared_over_the_same_inputs(runner: Runner, stand_in: str) -> None:
    rows = [{"wanted": str(number)} for number in range(3, 6)]
    found = experiment(
        runner,
        variants=VARIANTS,
        models=["haiku", "gemini-3.8-flash"],
        items=rows,
        score={"type": "exact", "expected": "{{ inputs.wanted }}"},
    )
    assert found["batch"]["kind"] == "experiment"
    assert [(arm["variant"], arm["model"], arm["completed"], arm["score"]["mean"]) for arm in found["arms"]] == [
        ("long", "claude-haiku-5-5", 3, 1.0),
        ("long", "gemini-3.8-flash", 3, 1.0),
        ("short", "claude-haiku-5-5", 3, pytest.approx(1 / 3)),
        ("short", "gemini-3.8-flash", 3, pytest.approx(1 / 3)),
    ]
    page = items(runner, found)
    assert [(each["line"], each["variant"], each["model"]) for each in page[:4]] == [
        (1, arm["variant"], arm["model"]) for arm in found["arms"]
    ]
    short = [each for each in page if each["variant"] == "short" and each["model"] == "claude-haiku-5-5"]
    assert [(each["output"], each["score"], each["verdict"]) for each in short] == [
        ("4", 0.0, "expected '3'"), ("4", 1.0, None), ("4", 0.0, "expected '5'"),
    ]  # fmt: skip
    baseline = [each for each in page if each["variant"] == "long" and each["model"] == "claude-haiku-5-5"]
    differences = {
        each["metric"]: each["difference"] for each in found["comparisons"]
        if (each["variant"], each["model"]) == ("short", "claude-haiku-5-5")
    }  # fmt: skip
    for metric in ("cost_usd", "input_tokens", "output_tokens", "score"):
        expected = interval([ours[metric] - theirs[metric] for ours, theirs in zip(short, baseline, strict=True)])
        assert expected is not None
        assert differences[metric] == pytest.approx(vars(expected))
    assert differences["latency_seconds"]["count"] == 3
    assert found["note"].startswith("each interval holds by itself")
    bodies = [request["body"] for request in httpx.get(f"{stand_in}/__requests").json() if request["body"]]
    assert sum(body is not None and body.get("system") == "Be brief." for body in bodies) == 3

    path = f"/v1/experiments/{found['batch']['id']}"
    other = runner.http.get(path, params={"baseline_variant": "short", "baseline_model": "gemini-3.8-flash"}).json()
    assert (other["baseline_variant"], other["baseline_model"]) == ("short", "gemini-3.8-flash")
    assert runner.http.get(path, params={"baseline_variant": "nope"}).status_code == 422


def test_a_model_judges_and_its_call_is_paid_but_not_measured(runner: Runner) -> None:
    prompt = "[[say:the answer]]"
    question = '[[say:{"score": 0.7, "reason": "fine"}]] Is it {{ inputs.wanted }}?'
    found = experiment(
        runner,
        variants=[{"name": "only", "prompt": prompt}],
        items=[{"wanted": "right"}],
        score={"type": "judge", "model": "haiku", "question": question},
    )
    (item,) = items(runner, found)
    assert (item["output"], item["score"], item["verdict"]) == ("the answer", 0.7, "fine")
    assert found["batch"]["cost_usd"] > item["cost_usd"] > 0
    assert found["comparisons"] == []


def test_failed_items_are_counted_and_left_out_of_pairs(runner: Runner) -> None:
    found = experiment(
        runner,
        variants=[{"name": "fine", "prompt": "[[say:x]]"}, {"name": "bad", "prompt": "[[say:x]]{{ inputs.mark }}"}],
        jsonl='{"mark": " "}\n{"mark": "[[error:400]]"}\n{"mark": "-"}',
        repeat=2,
    )
    assert [(arm["items"], arm["completed"], arm["failed"]) for arm in found["arms"]] == [(6, 6, 0), (6, 4, 2)]
    costs = next(each for each in found["comparisons"] if each["metric"] == "cost_usd")
    assert (costs["difference"]["count"], costs["unpaired"]) == (2, 1)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (
            {"variants": [{"name": "a", "prompt": "{{ inputs.topci }}"}]},
            "variant 'a': {{ inputs.topci }} stays as it is",
        ),
        ({"variants": [{"name": "a", "prompt": "x"}] * 2}, "two variants have the same name"),
        ({"items": [{"topic": "x"}, {"other": "y"}]}, "line 1: 'other' has no value, but other rows have one"),
        ({"items": []}, "there are no rows"),
        ({"score": {"type": "regex", "pattern": "("}}, "this is no regular expression"),
        ({"score": {"type": "json_schema", "schema": {"type": "nope"}}}, "this is no JSON schema"),
        ({"score": {"type": "function", "name": "nope"}}, "no installed package has a score 'nope'"),
        ({"models": ["claude-unheard-of"], "max_cost_usd": 1}, "the price of model 'claude-unheard-of'"),
        ({"repeat": 100, "csv": "topic\n" + "x\n" * 2000, "items": None}, "2000 inputs, 1 arms and 100 repetitions"),
    ],
)
def test_what_cannot_be_compared_is_refused(runner: Runner, body: dict[str, Any], detail: str) -> None:
    usual = {"name": "x", "variants": [{"name": "a", "prompt": "x"}], "models": ["haiku"], "items": [{"topic": "x"}]}
    answer = runner.http.post("/v1/experiments", json={**usual, **body})
    assert (answer.status_code, detail in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("spec", "output", "scored"),
    [
        ({"type": "exact", "expected": "{{ wanted }}", "ignore_case": True}, " YES\n", Scored(1.0)),
        ({"type": "regex", "pattern": r"^\d+$"}, "42", Scored(1.0)),
        ({"type": "regex", "pattern": r"^\d+$"}, "4 2", Scored(0.0, "the pattern is not found")),
        ({"type": "json_schema", "schema": {"required": ["a"]}}, '```json\n{"a": 1}\n```', Scored(1.0)),
        ({"type": "json_schema", "schema": {"required": ["a"]}}, "{}", Scored(0.0, "'a' is a required property")),
        ({"type": "json_schema", "schema": {}}, "none", Scored(0.0, "there is no JSON in the answer")),
        (
            {"type": "judge", "question": "?"},
            {"answer": "x", "verdict": "so so"},
            Scored(None, "the judge gave no score from 0 to 1: so so"),
        ),
    ],
)
def test_scores(spec: dict[str, Any], output: Any, scored: Scored) -> None:
    assert score(spec, output, {"wanted": "yes"})[1] == scored


def length(answer: str, inputs: dict[str, Any], *, per: int) -> float:
    return len(answer) / per + len(inputs)


def test_a_function_of_the_users_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "their_scores", sys.modules[__name__])
    point = EntryPoint("length", "their_scores:length", scores.ENTRY_POINTS)
    monkeypatch.setattr(scores, "entry_points", lambda **_: [point])
    assert score({"type": "function", "name": "length", "options": {"per": 2}}, "abc", {})[1] == Scored(1.5)
    failed = score({"type": "function", "name": "length", "options": {"per": 0}}, "abc", {})[1]
    assert failed == Scored(None, "ZeroDivisionError: division by zero")
