"""What model calls cost: by whatever they can be told apart by, by day, and at the end of the month."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from quarterdeck_ui import stats
from quarterdeck_ui.pages.analytics import charts, fetch, links, numbers, tables
from quarterdeck_ui.pages.analytics.figures import figure
from quarterdeck_ui.queries import CALL_DIMENSIONS, DAY_S, ChartRange, Measure
from quarterdeck_ui.stats.forecast import METHOD

_TAG: Final = "tag"
_OTHERS: Final = "all others"
_MOST_PARTS: Final = 6
"""Parts of a chart that have a colour of their own."""

_NS: Final = 10**9
_FORECAST_DAYS: Final = 62


def show(asked: ChartRange) -> None:
    """Draw the tab."""
    _forecast(asked)
    dimension = st.segmented_control(
        "Cost by",
        [*CALL_DIMENSIONS, _TAG],
        default="pipeline",
        required=True,
        key="by",
        bind="query-params",
    )
    if dimension == _TAG:
        _by_tag(asked)
    else:
        _by(asked, dimension or "pipeline")


def _forecast(asked: ChartRange) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight - timedelta(days=_FORECAST_DAYS)
    minute = int(now.timestamp()) // 60 * 60 + 60
    whole = ChartRange(int(begin.timestamp()) * _NS, minute * _NS, asked.environment, asked.service)
    by_day = {each.day.date(): each.cost for each in fetch.measures(whole, "", DAY_S)}
    told = stats.month_end(by_day, now.date())
    month = now.strftime("%B")
    with st.container(border=True, key="forecast", gap="small"):
        if told is None:
            so_far = sum(usd for day, usd in by_day.items() if day.month == now.month)
            st.metric(f"{month} so far", numbers.money(so_far), width=180)
            st.caption("A forecast of its end needs two weeks of days with model calls.")
            return
        with st.container(horizontal=True, gap="medium"):
            st.metric(f"{month} so far", numbers.money(told.so_far), width=180)
            st.metric(f"{month} at its end", numbers.money(told.expected), width=180)
            interval = f"{numbers.money(told.low)} to {numbers.money(told.high)}"
            st.metric(f"{told.level * 100:.0f} % interval", interval, width="stretch")
        st.caption(f"Of the chosen environment and service, whatever the range. Method: {METHOD}.")


def _by(asked: ChartRange, dimension: str) -> None:
    whole = fetch.measures(asked, dimension)
    width = fetch.bucket_of(asked)
    large = [each.part for each in whole[:_MOST_PARTS]]
    by_time = fetch.measures(asked, dimension, width)
    rows = stacked(asked, by_time, dimension, large, width)
    st.subheader(f"Cost by {dimension} and {'day' if width == DAY_S else 'time'}", anchor=False)
    if not rows:
        st.info("No model call in this range.")
        return
    alert = links.alert(asked, "cost", comparison="unusually_high")
    figure("cost-over-time", rows, charts.stacks("cost", "Cost, USD", "$,~r"), f"Cost by {dimension} over time", alert)
    _cached(asked, by_time, dimension, large, width)
    st.subheader(f"In the whole range, by {dimension}", anchor=False)
    tables.table(f"cost-by-{dimension}", [_row(asked, each, dimension, whole) for each in whole], _COLUMNS)


def _cached(asked: ChartRange, found: Sequence[Measure], dimension: str, large: Sequence[str], width: int) -> None:
    """Share of the input that was read from a cache, of the large parts that use one."""
    users = {each.part for each in found if each.cache_read}
    rows = [
        {
            "at": each.at * 1000,
            "part": each.part or "(none)",
            "share": each.cache_read / each.tokens_in,
            "href": links.part(links.during(asked, each.at, width), dimension, each.part),
        }
        for each in found
        if each.part in users and each.part in large and each.tokens_in
    ]
    st.subheader("Input that was read from a cache", anchor=False)
    if not rows:
        st.caption("No call of this range read anything from a cache.")
        return
    spec = charts.lines("share", "Of input tokens", ".0%")
    alert = links.alert(asked, "cache_share", comparison="below")
    figure("cache-share", rows, spec, "Share of input tokens read from a cache over time", alert)


_COLUMNS: Final = {
    "cost": tables.COST,
    "share of cost": tables.SHARE,
    "calls": tables.COUNT,
    "cost of a call": st.column_config.NumberColumn(format="$%.5f"),
    "input tokens": tables.COUNT,
    "output tokens": tables.COUNT,
    "input from cache": tables.SHARE,
    "failed": tables.SHARE,
}


def _row(asked: ChartRange, each: Measure, dimension: str, whole: Sequence[Measure]) -> tables.Row:
    total = sum(other.cost for other in whole)
    priced = each.calls - each.unpriced
    return {
        dimension: each.part or "(none)",
        "cost": each.cost if priced else None,
        "share of cost": each.cost / total if total else None,
        "calls": each.calls,
        "cost of a call": each.cost / priced if priced else None,
        "input tokens": each.tokens_in,
        "output tokens": each.tokens_out,
        "input from cache": each.cache_read / each.tokens_in if each.tokens_in else None,
        "failed": each.errors / each.calls,
        "without a price": each.unpriced,
        tables.RUNS: links.part(asked, dimension, each.part),
    }


def stacked(
    asked: ChartRange, found: Sequence[Measure], dimension: str, large: Sequence[str], width: int
) -> list[dict[str, object]]:
    """Cost by time for a chart: the large parts by themselves, the others together."""
    sums: defaultdict[tuple[int, str], float] = defaultdict(float)
    for each in found:
        sums[each.at, each.part if each.part in large else _OTHERS] += each.cost
    order = {name: number for number, name in enumerate([*large, _OTHERS])}
    return [
        {
            "at": at * 1000,
            "end": (at + width * 0.88) * 1000,
            "part": part or "(none)",
            "order": order[part],
            "cost": cost,
            "href": links.part(links.during(asked, at, width), dimension if part != _OTHERS else "", part),
        }
        for (at, part), cost in sorted(sums.items(), key=lambda item: (order[item[0][1]], item[0][0]))
        if cost
    ]


def _by_tag(asked: ChartRange) -> None:
    known = fetch.tag_names(asked)
    tag = st.selectbox(
        "Attribute of spans or of their resource",
        known,
        index=None,
        key="tag",
        bind="query-params",
        accept_new_options=True,
        placeholder="team, customer.tier, …",
        width=360,
    )
    if not tag:
        st.caption(
            "Any attribute tags a run: one that a span of it carries, or its resource "
            "(`OTEL_RESOURCE_ATTRIBUTES=team=search`). The list has those of the newest spans."
        )
        return
    found = fetch.tag_cost(asked, tag)
    total = sum(each.cost for each in found)
    rows = [
        {
            tag: each.tag,
            "cost": each.cost,
            "share of cost": each.cost / total if total else None,
            "runs": each.runs,
            "calls": each.calls,
            "tokens": each.tokens,
            "without a price": each.unpriced,
            tables.RUNS: links.tagged(asked, tag, each.tag),
        }
        for each in found
    ]
    if rows:
        bars = [
            {"part": each.tag, "cost": each.cost, "href": links.tagged(asked, tag, each.tag)} for each in found[:20]
        ]
        figure("tags", bars, charts.bars("cost", "Cost, USD", "$,~r"), f"Cost by {tag}", links.dear_tag(asked, tag))
    columns = {**_COLUMNS, "runs": tables.COUNT, "tokens": tables.COUNT}
    tables.table("cost-by-tag", rows, columns, f"No span of this range carries the attribute {tag}.")
