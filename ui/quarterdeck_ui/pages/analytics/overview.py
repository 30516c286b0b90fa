"""What stands out, and how runs went over the range."""

import math
from collections.abc import Sequence
from typing import Final

import streamlit as st

from quarterdeck_ui import stats
from quarterdeck_ui.pages.analytics import charts, fetch, links, numbers
from quarterdeck_ui.pages.analytics.figures import figure
from quarterdeck_ui.pages.analytics.findings import Finding
from quarterdeck_ui.pages.analytics.text import plain
from quarterdeck_ui.queries import DAY_S, ChartRange, Measure, RunMeasure

_BADGES: Final = {
    "regression": ("orange", "trending_down", "Regression"),
    "storm": ("red", "thunderstorm", "Errors"),
    "silent": ("red", "volume_off", "Silent failure"),
    "cost_spike": ("orange", "payments", "Cost spike"),
    "change": ("blue", "show_chart", "Change"),
    "duplicates": ("violet", "content_copy", "Duplicate calls"),
    "dear_step": ("violet", "savings", "Dear step"),
    "slow_step": ("violet", "hourglass_bottom", "Slow step"),
}
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_LINES: Final = 7
_AT_ONCE: Final = 8


def show(asked: ChartRange) -> None:
    """Draw the tab."""
    top = st.container()  # filled last: the rest need not wait for it
    width = fetch.bucket_of(asked)
    by_pipeline = fetch.run_measures(asked, "pipeline", width)
    by_time = together(by_pipeline)
    if not by_time and not fetch.measures(asked):
        st.info("No run and no model call in this range. Choose a longer one above, or let a pipeline run.")
        return
    _totals(asked)
    left, right = st.columns(2, gap="medium")
    with left:
        _runs(asked, by_time, width)
    with right:
        _failures(asked, by_time, width)
    left, right = st.columns(2, gap="medium")
    with left:
        _durations(asked, by_pipeline, width)
    with right:
        _peaks(asked)
    with top:
        stand_out(fetch.findings(asked))


def together(parts: Sequence[RunMeasure]) -> list[RunMeasure]:
    """All pipelines of each time in one; what their runs took does not add up and is left out."""
    sums: dict[int, RunMeasure] = {}
    for each in parts:
        so_far = sums.get(each.at, RunMeasure(each.at, "", 0, 0, 0, []))
        ended = so_far.failed + each.failed, so_far.cancelled + each.cancelled
        sums[each.at] = RunMeasure(each.at, "", so_far.runs + each.runs, *ended, [])
    return [sums[at] for at in sorted(sums)]


def stand_out(found: Sequence[Finding]) -> None:
    """Draw the findings, or say that there are none."""
    with st.container(border=True, key="findings", gap="small"):
        st.subheader("What stands out", anchor=False)
        if not found:
            st.markdown(":green-badge[:material/check: Nothing stands out] in this range.")
            st.caption(
                "Looked for: dear days, versions that are slower or fail more, hours of many errors, answers that come "
                "to nothing, prompts sent again, lasting changes of duration, single steps that take most."
            )
        for each in found[:_AT_ONCE]:
            _finding(each)
        if rest := found[_AT_ONCE:]:
            with st.expander(f"{len(rest)} more"):
                for each in rest:
                    _finding(each)


def _finding(found: Finding) -> None:
    colour, icon, word = _BADGES[found.kind]
    st.markdown(
        f":{colour}-badge[:material/{icon}: {word}] **{plain(found.title)}** "
        f"[:material/open_in_new: Show the runs]({found.href})  \n:gray[{plain(found.detail)}]"
    )


def _totals(asked: ChartRange) -> None:
    earlier = fetch.before(asked)
    run, run_before = (next(iter(fetch.run_measures(each)), None) for each in (asked, earlier))
    call, call_before = (next(iter(fetch.measures(each)), None) for each in (asked, earlier))
    shown = [
        ("Runs", _run_count(run), _run_count(run_before), numbers.count, "off"),
        ("Failed", _failed(run), _failed(run_before), numbers.percent, "inverse"),
        ("Median run", _median(run), _median(run_before), numbers.seconds, "inverse"),
        ("Cost", _cost(call), _cost(call_before), numbers.money, "inverse"),
        ("Tokens", _tokens(call), _tokens(call_before), numbers.count, "off"),
        ("Input from cache", _cached(call), _cached(call_before), numbers.percent, "normal"),
    ]
    with st.container(horizontal=True, gap="medium", key="totals"):
        for name, now, then, text, colour in shown:
            change = None if math.isnan(now) or math.isnan(then) or not then else f"{(now / then - 1) * 100:+.0f} %"
            st.metric(name, text(now), change, delta_color=colour, width=150, help="Beside it: against the time before")  # type: ignore[arg-type]  # one of the words it takes
    if run:
        slow = links.runs(asked, **{"took-from": f"{run.took[1]:.0f}"})
        failed = links.runs(asked, status="failed")
        st.caption(
            f"Show [all runs of this range]({links.runs(asked)}), [those that failed]({failed}), or "
            f"[those that took longer than 95 % of them]({slow}) (over {numbers.seconds(run.took[1])})."
        )
    if call and call.unpriced:
        st.caption(f":material/help: {call.unpriced:,} calls have no known price and are not in the cost.")


def _run_count(run: RunMeasure | None) -> float:
    return float(run.runs) if run else 0.0


def _failed(run: RunMeasure | None) -> float:
    return run.failed / run.runs if run and run.runs else math.nan


def _median(run: RunMeasure | None) -> float:
    return run.took[0] if run else math.nan


def _cost(call: Measure | None) -> float:
    return call.cost if call else 0.0


def _tokens(call: Measure | None) -> float:
    return float(call.tokens_in + call.tokens_out) if call else 0.0


def _cached(call: Measure | None) -> float:
    return call.cache_read / call.tokens_in if call and call.tokens_in else math.nan


def _runs(asked: ChartRange, by_time: Sequence[RunMeasure], width: int) -> None:
    st.subheader("Run history", anchor=False)
    rows = []
    for each in by_time:
        within = links.during(asked, each.at, width)
        states = {"failed": each.failed, "cancelled": each.cancelled}
        states["completed"] = each.runs - each.failed - each.cancelled
        rows += [
            {
                "at": each.at * 1000,
                "end": (each.at + width * 0.88) * 1000,
                "state": state,
                "order": order,
                "runs": number,
                "href": links.runs(within, status=state),
            }
            for order, (state, number) in enumerate(states.items())
            if number
        ]
    figure(
        "runs",
        rows,
        charts.runs(),
        "Runs over time by how they ended",
        links.alert(asked, "runs", comparison="unusually_low"),
    )


def _failures(asked: ChartRange, by_time: Sequence[RunMeasure], width: int) -> None:
    st.subheader("Runs that failed", anchor=False)
    rows = [
        {
            "at": each.at * 1000,
            "part": "all pipelines",
            "share": each.failed / each.runs,
            "href": links.runs(links.during(asked, each.at, width), status="failed"),
        }
        for each in by_time
    ]
    alert = links.alert(asked, "run_failure_rate")
    figure("failed-runs", rows, charts.lines("share", "Failed", ".0%"), "Share of failed runs over time", alert)


def _durations(asked: ChartRange, by_pipeline: Sequence[RunMeasure], width: int) -> None:
    st.subheader("Duration of runs", anchor=False)
    by_part: dict[str, list[RunMeasure]] = {}
    for each in by_pipeline:
        by_part.setdefault(each.part, []).append(each)
    largest = sorted(by_part, key=lambda name: -sum(each.runs for each in by_part[name]))[:_MOST_LINES]
    rows: list[dict[str, object]] = []
    for name in largest:
        line = by_part[name]
        rows += [_point(asked, each, width) for each in line]
        if width == DAY_S:
            rows += [_change(name, line, change) for change in stats.changes([each.took[0] for each in line])]
    method = (
        "Dashed: lasting changes, by Pettitt's test at 1 %." if width == DAY_S else "Changes show from two weeks on."
    )
    alert = links.alert(asked, "run_duration_p50", comparison="unusually_high")
    figure("durations", rows, charts.lines("seconds", "Median, s", "~s"), "Median duration of runs", alert, note=method)


def _point(asked: ChartRange, each: RunMeasure, width: int) -> dict[str, object]:
    within = links.during(asked, each.at, width)
    href = links.part(within, "pipeline", each.part)
    return {"at": each.at * 1000, "part": each.part, "seconds": each.took[0], "kind": "day", "href": href}


def _change(name: str, line: Sequence[RunMeasure], change: stats.Change) -> dict[str, object]:
    note = f"{numbers.seconds(change.before)} to {numbers.seconds(change.after)}, p = {change.p:.2g}"
    return {"at": line[change.at].at * 1000, "part": name, "kind": "change", "note": note}


def _peaks(asked: ChartRange) -> None:
    st.subheader("Peak usage", anchor=False)
    hours = fetch.busy_hours(asked)
    rows = [
        {
            "weekday": _WEEKDAYS[each.weekday - 1],
            "hour": each.hour,
            "calls": each.calls,
            "failed": each.errors / each.calls,
            "cost": each.cost,
        }
        for each in hours
        if each.calls
    ]
    if rows:
        busiest = max(hours, key=lambda each: each.calls)
        when = f"{_WEEKDAYS[busiest.weekday - 1]} {busiest.hour:02}:00 to {busiest.hour + 1:02}:00 UTC"
        alert = links.alert(asked, "calls", comparison="unusually_high")
        figure("peak-usage", rows, charts.week(), "Model calls by weekday and hour", alert, note=f"Busiest: {when}.")
