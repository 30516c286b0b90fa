"""What alerts would have told of ninety days with facts planted in them, and of ninety in which nothing stands out."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from quarterdeck_ui.pages.alerts.draft import defaults
from quarterdeck_ui.pages.alerts.rules import BEGINNINGS
from support.collectors import PATIENCE, PLAIN
from support.past import PIPELINES, SITES
from support.past.facts import Fact
from support.past.serve import Served

HOUR_S, DAY_S = 3600, 86_400
DAYS = 90
LEARNT = DAYS - 6 * 7  # days of which six weeks before are known


def fired(history: Served, rule: dict[str, Any], days: float = DAYS) -> list[float]:
    """When it would have fired, seconds since the epoch."""
    body = {"rule": rule, "days": days}
    answer = httpx.post(history.home.otlp + "/v1/alerts/preview", json=body, timeout=PATIENCE, verify=PLAIN)
    assert answer.status_code == 200, answer.text
    return [incident["fired"] for incident in answer.json()["incidents"]]


def unusual(measure: str, **scope: str) -> dict[str, Any]:
    """Of the last day, compared with the same time of the weeks before."""
    found = defaults(measure, "unusually_high") | {"name": measure, "threshold": 5, "window": DAY_S}
    return found | {"least": 20, "scope": scope}


def watched() -> dict[str, dict[str, Any]]:
    """Rules over everything that the history has, by what each is about."""
    rules = {
        f"cost of {pipeline.name}": unusual("cost", pipeline=pipeline.name) for pipeline in PIPELINES
    } | {
        f"latency of {pipeline.name} / {step.name}": unusual("latency_p50", pipeline=pipeline.name, step=step.name)
        for pipeline in PIPELINES
        for step in pipeline.steps
        if step.models
    }  # fmt: skip
    rate = defaults("error_rate") | {"name": "error rate", "threshold": 0.25, "least": 20}
    providers = sorted({model.provider for each in PIPELINES for step in each.steps for model in step.models})
    return rules | {f"errors of {each}": rate | {"scope": {"provider": each}} for each in providers}


NEW_ERROR = defaults("new_error_groups") | {
    "name": "A new kind of error",
    "scope": {"pipeline": SITES["silent"].pipeline},
}


@pytest.fixture(scope="module")
def told(planted: Served) -> dict[str, list[float]]:
    """When each of the rules that fired did."""
    return {about: times for about, rule in watched().items() if (times := fired(planted, rule, LEARNT))}


def test_of_all_pipelines_steps_and_providers_only_those_with_a_planted_fact_are_told_of(
    told: dict[str, list[float]],
) -> None:
    slow = SITES["regression"]
    assert sorted(told) == [
        f"cost of {SITES['cost_spike'].pipeline}",
        f"errors of {SITES['storm'].provider}",
        f"latency of {slow.pipeline} / {slow.step}",
    ]


@pytest.mark.parametrize(
    ("fact", "about", "within_s"),
    [("cost_spike", "cost of", DAY_S), ("storm", "errors of", 2 * HOUR_S), ("regression", "latency of", 4 * DAY_S)],
)
def test_a_planted_fact_is_told_of_when_it_begins(
    planted: Served, told: dict[str, list[float]], fact: Fact, about: str, within_s: float
) -> None:
    begin, _ = planted.past.span_of(fact)
    first, *_ = next(times for name, times in told.items() if name.startswith(about))
    assert begin < first <= begin + within_s


def test_a_failure_that_nobody_saw_is_told_of_as_a_new_kind_of_error(planted: Served, clean: Served) -> None:
    begin, _ = planted.past.span_of("silent")
    storm, _ = planted.past.span_of("storm")
    since = (planted.past.began + DAYS * DAY_S - begin) / DAY_S
    first, *others = fired(planted, NEW_ERROR, since)
    assert begin < first <= begin + DAY_S
    assert all(storm < other <= storm + 2 * HOUR_S for other in others)  # three attempts in vain are new, too
    assert fired(clean, NEW_ERROR, since) == []


def test_a_clean_history_raises_nothing(clean: Served) -> None:
    suggested = {title: defaults(**query) | {"name": title} for title, query in beginnings()}
    assert [about for about, rule in (suggested | watched()).items() if fired(clean, rule)] == []


def beginnings() -> Iterator[tuple[str, dict[str, str]]]:
    """What the page suggests to whoever has no rule yet.

    While a history begins, every kind of error is new; and how much is too much for a day, only its owner knows.
    """
    for title, query in BEGINNINGS.items():
        if query["measure"] not in ("new_error_groups", "cost_day"):
            yield title, {key: value for key, value in query.items() if key != "name"}
