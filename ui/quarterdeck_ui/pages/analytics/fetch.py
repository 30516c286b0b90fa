"""Asks ClickHouse once a minute at most for what several readers, or one reader twice, look at."""

import time
from collections.abc import Mapping

import streamlit as st

from quarterdeck_ui import queries, services
from quarterdeck_ui.pages.analytics.findings import Finding, gather, judge
from quarterdeck_ui.queries import DAY_S, ChartRange
from quarterdeck_ui.scope import Scope

_NS = 10**9
_MINUTE_NS = 60 * _NS
_KEPT_S = 60
_KEPT = 200
_OPEN_DAYS = 90


def range_of(scope: Scope) -> ChartRange:
    """What a page is limited to, to the minute, so that questions of one minute are equal."""
    now = time.time_ns() // _MINUTE_NS * _MINUTE_NS + _MINUTE_NS
    since, until = scope.bounds(now)
    until = until or now
    return ChartRange(since or until - _OPEN_DAYS * DAY_S * _NS, until, scope.environment, scope.service)


def bucket_of(asked: ChartRange) -> int:
    """Seconds of a bar, such that a chart has some 20 to 100 of them."""
    days = (asked.until_ns - asked.since_ns) / _NS / DAY_S
    widths = ((1, 900), (3, 3600), (15, 6 * 3600), (130, DAY_S))
    return next((width for most, width in widths if days <= most), 7 * DAY_S)


def before(asked: ChartRange) -> ChartRange:
    """The range of equal length that ends where this one begins."""
    return ChartRange(2 * asked.since_ns - asked.until_ns, asked.since_ns, asked.environment, asked.service)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner="Looking for what stands out …")
def findings(asked: ChartRange) -> list[Finding]:
    """What stands out of a range."""
    return judge(gather(services.current().store, asked))


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner=False)
def measures(
    asked: ChartRange,
    dimension: str = "",
    bucket: int = 0,
    only: Mapping[str, str] | None = None,
    *,
    quantiles: bool = False,
) -> list[queries.Measure]:
    """Model calls by a dimension and by time."""
    return queries.measures(services.current().store, asked, dimension, bucket, only, quantiles=quantiles)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner=False)
def run_measures(
    asked: ChartRange, dimension: str = "", bucket: int = 0, pipeline: str = ""
) -> list[queries.RunMeasure]:
    """Runs by a dimension and by time."""
    return queries.run_measures(services.current().store, asked, dimension, bucket, pipeline)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner=False)
def busy_hours(asked: ChartRange) -> list[queries.BusyHour]:
    """Model calls by weekday and hour."""
    return queries.busy_hours(services.current().store, asked)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner="Comparing …")
def work(asked: ChartRange) -> tuple[list[queries.WorkDay], list[queries.Again]]:
    """Days of the steps that more than one model worked for, and the calls that were made again."""
    store = services.current().store
    return queries.equal_work(store, asked), queries.repeated_attempts(store, asked)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner="Adding up steps …")
def step_times(asked: ChartRange) -> list[queries.StepTime]:
    """Steps, those first that took most time."""
    return queries.step_times(services.current().store, asked)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner=False)
def versions(asked: ChartRange) -> list[queries.Version]:
    """Versions of each pipeline."""
    return queries.version_runs(services.current().store, asked)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner=False)
def tag_names(asked: ChartRange) -> list[str]:
    """Names of attributes that may serve as tags."""
    return queries.tag_names(services.current().store, asked)


@st.cache_data(ttl=_KEPT_S, max_entries=_KEPT, show_spinner="Reading the attributes of every span …")
def tag_cost(asked: ChartRange, tag: str) -> list[queries.TagCost]:
    """What runs cost by the value of an attribute."""
    return queries.tag_cost(services.current().store, asked, tag)
