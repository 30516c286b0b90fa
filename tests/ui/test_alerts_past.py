"""What alerts would have told of ninety days with facts planted in them, and of ninety in which nothing stands out."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from quarterdeck_collector.alerts.engine import RULE, Engine
from quarterdeck_collector.alerts.ledger import Ledger
from quarterdeck_collector.alerts.reading import Reader
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.saved import SavedObjects
from quarterdeck_collector.store import EmbeddedStore, ServerStore
from quarterdeck_ui.pages.alerts.draft import defaults, from_address
from quarterdeck_ui.pages.alerts.rules import BEGINNINGS
from quarterdeck_ui.pages.analytics import links
from quarterdeck_ui.pages.analytics.dashboards.definition import QUANTITIES
from quarterdeck_ui.queries import ChartRange
from support.collectors import PATIENCE, PLAIN
from support.past import PIPELINES, SITES
from support.past.facts import Fact
from support.past.serve import Served
from support.stores import drop, fresh

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


# ------------------------------------------------------------------------------------------ alerts that charts offer

ASKED = ChartRange(0, 1)
OFFERED = {
    **{name: links.alert(ASKED, quantity.alert) for name, quantity in QUANTITIES.items()},
    "tag": links.dear_tag(ChartRange(0, 1, "production"), "customer.tier"),
}


@pytest.mark.parametrize("chart", OFFERED)
def test_what_a_chart_offers_to_watch_has_a_value(planted: Served, chart: str) -> None:
    rule = from_address(dict(parse_qsl(urlsplit(OFFERED[chart]).query)))
    body = {"rule": {**rule, "name": chart, "window": DAY_S, "least": 1}, "days": 1 / 24 / 60}
    answer = httpx.post(planted.home.otlp + "/v1/alerts/preview", json=body, timeout=PATIENCE, verify=PLAIN)
    assert answer.status_code == 200, answer.text
    assert answer.json()["points"][-1]["value"] > 0


# ------------------------------------------------------------------------------- the engine itself, at a simulated time

SPIKE, SLOW = SITES["cost_spike"], SITES["regression"]
LATENCY, COST = f"latency of {SLOW.pipeline} / {SLOW.step}", f"cost of {SPIKE.pipeline}"
STORM, QUIET, SILENT = f"errors of {SITES['storm'].provider}", "errors of openai", "new errors"
STEPPED = {
    **{about: rule for about, rule in watched().items() if about in (LATENCY, COST, STORM, QUIET)},
    SILENT: NEW_ERROR | {"window": 6 * HOUR_S},
}
ABOUT: dict[Fact, str] = {"cost_spike": COST, "storm": STORM, "regression": LATENCY, "silent": SILENT}
AROUND: dict[Fact, tuple[float, float, float]] = {
    "regression": (-16, 64, 16), "cost_spike": (-6, 48, 6), "silent": (-6, 36, 6), "storm": (-0.5, 4, 0.5),
}  # fmt: skip
"""Hours before and after the begin of a fact at which its alert is looked at, and how many apart."""


class Watched:
    """The engine over a history: its memory is elsewhere, its clock is the test's."""

    def __init__(self, history: ServerStore, memory: EmbeddedStore) -> None:
        self._history, self._memory = history, memory
        self._saved = SavedObjects(memory)
        self._now = 0.0
        for number, (about, rule) in enumerate(STEPPED.items()):
            self._saved.put(RULE, f"rule-{number}", {**rule, "name": about, "channels": ["ops"]})

    def _started(self) -> Engine:
        reader, ledger = Reader(self._history), Ledger(self._memory)
        return Engine(self._saved, ledger, reader, "", clock=lambda: self._now, every=HOUR_S)

    def told(self, times: Iterable[float]) -> dict[str, list[tuple[str, float]]]:
        """What is told of each rule, and when; the collector is started anew before each second look."""
        found: dict[str, list[tuple[str, float]]] = {}
        engine = self._started()
        for number, self._now in enumerate(times):
            engine = engine if number % 2 else self._started()
            for due in engine.look():
                what, _, about = str(due.message["title"]).partition(": ")
                found.setdefault(about, []).append((what, self._now))
        standings = Ledger(self._memory).standings().values()
        assert [each.problem for each in standings] == [""] * len(STEPPED)
        return found


@contextlib.contextmanager
def watching(history: Served, engine: EmbeddedStore) -> Iterator[Watched]:
    memory = fresh(engine)
    migrate(memory)
    with contextlib.closing(ServerStore(history.home.clickhouse, "quarterdeck")) as past:
        yield Watched(past, memory)
    drop(memory)


def looks(history: Served, fact: Fact) -> list[float]:
    """Times around a fact."""
    (begin, _), (first, last, every) = history.past.span_of(fact), AROUND[fact]
    return [begin + (first + number * every) * HOUR_S for number in range(int((last - first) / every) + 1)]


def test_the_engine_restarted_again_and_again_tells_of_each_planted_fact_and_of_its_end(
    planted: Served, engine: EmbeddedStore
) -> None:
    with watching(planted, engine) as watched:
        told = watched.told(sorted({at for fact in AROUND for at in looks(planted, fact)}))
    begins = {fact: planted.past.span_of(fact)[0] for fact in AROUND}
    hours = {
        about: [(what, (at - begins[fact]) / HOUR_S) for what, at in told.pop(about, [])]
        for fact, about in ABOUT.items()
    }
    assert told == {}  # nothing of whom nothing is planted
    for about, within, over in ((COST, 24, 96), (STORM, 1.5, 4)):
        (fired, began), (resolved, ended) = hours[about]
        assert (fired, resolved) == ("FIRING", "RESOLVED"), hours
        assert 0 <= began <= within < ended <= over, hours  # the hour that begins at a look counts in it
    for about, within in ((LATENCY, 64), (SILENT, 36)):
        fired, began = hours[about][0]
        assert fired == "FIRING"
        assert 0 <= began <= within, hours


def test_the_engine_tells_of_nothing_in_a_clean_history(clean: Served, engine: EmbeddedStore) -> None:
    with watching(clean, engine) as watched:
        assert watched.told(sorted({at for fact in AROUND for at in looks(clean, fact)[::2]})) == {}
