"""Suggestions: each planted habit is found with its number, and a clean history raises none."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from quarterdeck import semconv
from quarterdeck_ui.pages.debugger.advice import saving
from quarterdeck_ui.pages.debugger.suggestions import Suggestion, from_experiment, suggestions
from quarterdeck_ui.queries import Store, evidence
from quarterdeck_ui.scope import Scope
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for

SONNET = "claude-sonnet-5-5"
RULES = "Follow the house rules to the letter. " * 150
REPORT = "Quarterly hydrological observations describe estuaries, sediment, turbidity. " * 20
WORDS = ["tides", "rain", "wind", "snow", "fog", "hail", "frost", "storm", "cloud", "sun", "moon", "star", "sea"]


def call(pipeline: str, question: str, answer: str, number: int, **more: Any) -> dict[str, Any]:
    """One finished model call as a span, a minute after the one before."""
    error = more.pop("error", "")
    start = time.time_ns() - (number + 2) * 60 * 10**9
    message = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    output = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    told = {
        semconv.RUN_ID: f"{pipeline}-{number}",
        semconv.PIPELINE_NAME: pipeline,
        semconv.STEP_NAME: "ask",
        semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
        semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
        semconv.REQUEST_MODEL: SONNET,
        semconv.RESPONSE_FINISH_REASONS: ["stop"],
        semconv.USAGE_INPUT_TOKENS: max(1, len(question) // 4),
        semconv.USAGE_OUTPUT_TOKENS: 50,
        semconv.INPUT_MESSAGES: json.dumps(message),
        semconv.OUTPUT_MESSAGES: json.dumps(output),
        **({semconv.ERROR_TYPE: error} if error else {}),
        **more,
    }
    return {
        "trace_id": otlp.new_trace_id(),
        "name": f"chat {SONNET}",
        "kind": 3,
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + 2 * 10**9,
        "attributes": told,
        **({"status": {"code": 2, "message": error}} if error else {}),
    }


def failed_step(asked: dict[str, Any]) -> dict[str, Any]:
    """The step of a call, which did not take its answer."""
    said = "the answer does not fit `output_schema`: order is missing"
    told = {name: value for name, value in asked["attributes"].items() if name.startswith("quarterdeck.")}
    more = {"name": "step ask", "kind": 1, "status": {"code": 2, "message": said}}
    return asked | more | {"attributes": told | {semconv.ERROR_TYPE: "quarterdeck_runner.answers.AnswerError"}}


def planted() -> Iterator[dict[str, Any]]:
    parts = [
        {"kind": "static", "source": "", "text": "Sum up: "},
        {"kind": "file", "source": "report.txt", "text": REPORT},
    ]
    for number, word in enumerate(WORDS):
        yield call("clean", f"{word}?", f"Of {word}.", number)
        yield call("repeating", "What is a tide?", "Water.", number)
        yield call("prefixed", f"{RULES} Now: {word}", "Done.", number)
        yield call("cut", f"{word}, at length", "It", number, **{semconv.RESPONSE_FINISH_REASONS: ["max_tokens"]})
        yield call("failing", f"{word}!", "", number, error="RateLimitError", **{semconv.USAGE_OUTPUT_TOKENS: 0})
        yield call(
            "unused", f"Sum up {word}: {REPORT}", "Nothing new.", number, **{semconv.PROMPT_PARTS: json.dumps(parts)}
        )
        broken = "{" if number < 3 else "{}"
        yield call("jsonish", f"{word} as JSON", broken, number, **{semconv.OUTPUT_TYPE: "json"})
        misfit = call("misfit", f"{word} as an order", "{}", number, **{semconv.OUTPUT_TYPE: "json"})
        yield misfit
        yield failed_step(misfit)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Suggestion]]:
    with collector(tmp_path_factory.mktemp("advice") / "data") as running:
        spans = list(planted())
        running.post("/v1/traces", otlp.traces(*spans).SerializeToString())
        wait_for(lambda: _calls(running) == len(spans) - len(WORDS))
        with closing(Store(running.clickhouse, "quarterdeck")) as store:
            yield suggestions(evidence(store, Scope(seconds=86_400), time.time_ns()))


def _calls(running: CollectorProcess) -> int:
    return int(running.sql("SELECT count() FROM quarterdeck.model_calls"))


def test_every_planted_habit_is_found_and_the_clean_pipeline_is_not_named(found: list[Suggestion]) -> None:
    assert {(each.where[0], each.kind) for each in found} == {
        ("repeating", "Same question again"),
        ("prefixed", "Cacheable beginning"),
        ("cut", "Answers cut off"),
        ("failing", "Repeated retries"),
        ("unused", "Context that is not used"),
        ("jsonish", "JSON that is none"),
        ("misfit", "JSON that fails its schema"),
    }


def test_each_names_its_evidence_its_saving_and_a_call_that_shows_it(found: list[Suggestion]) -> None:
    by_kind = {each.kind: each for each in found}
    repeated = by_kind["Same question again"]
    assert repeated.finding.startswith(
        "12 of the newest 13 calls asked what had been asked before, one question 13 times"
    )
    assert repeated.saving == pytest.approx(
        12 * (3 * 2 + 50 * 10) / 1e6
    )  # 3 tokens in at 2 USD a million, 50 out at 10
    prefix = by_kind["Cacheable beginning"]
    assert prefix.saving
    tokens = (len(RULES) + 6) // 4
    assert prefix.saving == pytest.approx(tokens * 12 * (2 - 0.2) / 1e6, rel=0.08)
    broken, misfit = by_kind["JSON that is none"], by_kind["JSON that fails its schema"]
    assert broken.saving == pytest.approx(sum(cost_of(f"{word} as JSON") for word in WORDS[:3]))
    assert misfit.finding.startswith("13 of 13 calls were paid for, and their step failed")
    assert misfit.saving == pytest.approx(sum(cost_of(f"{word} as an order") for word in WORDS))
    cut, unused = by_kind["Answers cut off"], by_kind["Context that is not used"]
    assert cut.saving == pytest.approx(sum(cost_of(f"{word}, at length") for word in WORDS))
    assert unused.saving == pytest.approx(13 * (len(REPORT) / 4) * 2 / 1e6)
    retries = by_kind["Repeated retries"]
    assert saving(retries) == "$0.000026 and 26.0 s of waiting"
    assert all(saving(each) for each in found)
    assert by_kind["JSON that is none"].finding == "3 of 13 answers that should be JSON are not"
    assert by_kind["Answers cut off"].finding.startswith("13 of 13 answers")
    assert "`report.txt`" in by_kind["Context that is not used"].finding
    assert all(each.call[1] for each in found)
    assert found == sorted(found, key=lambda each: -(each.saving or 0))


def cost_of(question: str) -> float:
    """What its call costs: 2 USD a million tokens in, 10 out."""
    return (max(1, len(question) // 4) * 2 + 50 * 10) / 1e6


def experiment(score: float, chance: float, cost: float, inputs: int = 20, luck: float = 0.001) -> dict[str, Any]:
    def difference(mean: float, p_value: float) -> dict[str, Any]:
        return {"count": inputs, "mean": mean, "low": mean, "high": mean, "p_value": p_value}

    compared = [("score", difference(score, chance)), ("cost_usd", difference(cost, luck))]
    return {
        "batch": {"id": "e1", "name": "tone"},
        "baseline_variant": "A",
        "baseline_model": "sonnet",
        "arms": [{"variant": "A", "model": model, "completed": inputs} for model in ("sonnet", "haiku")],
        "comparisons": [
            {"variant": "A", "model": "haiku", "metric": name, "difference": found} for name, found in compared
        ],
    }


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (experiment(0.0, 1.0, -0.002), 1),
        (experiment(0.1, 0.2, -0.002), 1),
        (experiment(-0.1, 0.01, -0.002), 0),
        (experiment(-0.3, 0.2, -0.002), 0),
        (experiment(0.0, 1.0, 0.002), 0),
        (experiment(0.0, 1.0, -0.002, inputs=5), 0),
        (experiment(0.0, 1.0, -0.002, luck=0.0), 1),  # each pair differs by the very same
        (experiment(0.0, 1.0, -0.002, luck=0.2), 0),
    ],
)
def test_a_cheaper_model_is_proposed_only_with_equal_scores_on_enough_inputs(
    result: dict[str, Any], expected: int
) -> None:
    assert [each.kind for each in from_experiment(result)] == ["Cheaper model"] * expected
