"""Ninety days with a rate-limit storm and a silent failure planted in them, and ninety in which nothing stands out."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from quarterdeck_ui.queries import ErrorGroup, ErrorScope, Store, error_groups
from quarterdeck_ui.queries.errors import INTERVALS
from support.past.facts import SITES
from support.past.serve import Served

DAY_S = 86_400
NS = 10**9


@contextlib.contextmanager
def groups_of(history: Served, since_s: float, until_s: float) -> Iterator[dict[str, ErrorGroup]]:
    """The largest group of each category."""
    with contextlib.closing(Store(history.home.clickhouse, "quarterdeck")) as store:
        found = error_groups(store, ErrorScope(int(since_s) * NS, int(until_s) * NS), 1000)
    yield {each.category: each for each in sorted(found, key=lambda group: group.errors)}


@pytest.fixture
def whole(planted: Served) -> Iterator[dict[str, ErrorGroup]]:
    with groups_of(planted, planted.past.began, time.time()) as found:
        yield found


def test_the_storm_is_a_peak_in_the_trend_of_its_hour(planted: Served) -> None:
    begin, _ = planted.past.span_of("storm")
    midnight = begin // DAY_S * DAY_S
    with groups_of(planted, midnight, midnight + DAY_S) as day:
        storm = day["rate_limit"]
    hour = (begin - midnight) // 3600 * INTERVALS // 24
    assert max(storm.trend) == storm.trend[hour] > 10 * max(*storm.trend[:hour], *storm.trend[hour + 1 :])


def test_runs_that_completed_with_nothing_are_a_group_of_the_pipeline_since_the_day(
    planted: Served,
    whole: dict[str, ErrorGroup],
) -> None:
    silent, (begin, end) = whole["silent"], planted.past.span_of("silent")
    assert silent.pipelines == (SITES["silent"].pipeline,)
    assert begin * NS <= silent.first_ns < (begin + DAY_S) * NS
    assert silent.last_ns < end * NS
    assert silent.errors == silent.runs > 1


def test_errors_of_the_worse_version_are_of_that_version_alone(planted: Served) -> None:
    (begin, _), site = planted.past.span_of("regression"), SITES["regression"]
    which = "PipelineName = {pipeline:String} AND Day > toDate({day:UInt32})"
    (version,) = planted.home.sql(
        f"SELECT DISTINCT PipelineVersion FROM runs WHERE {which}",  # noqa: S608 - ours
        pipeline=site.pipeline,
        day=str(begin + DAY_S),
    ).split()
    with contextlib.closing(Store(planted.home.clickhouse, "quarterdeck")) as store:
        scope = ErrorScope(planted.past.began * NS, int(time.time()) * NS)
        (misfits,) = (each for each in error_groups(store, scope, 1000) if "does not fit its schema" in each.message)
    assert (misfits.pipelines, misfits.versions) == ((site.pipeline,), (version,))
    assert misfits.first_ns >= begin * NS


def test_a_clean_history_has_neither(clean: Served) -> None:
    with groups_of(clean, clean.past.began, time.time()) as found:
        assert "silent" not in found
        for group in found.values():
            assert max(group.trend) <= 5 * sum(group.trend) / INTERVALS + 5, group
