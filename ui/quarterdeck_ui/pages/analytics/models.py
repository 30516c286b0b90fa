"""Models and providers on equal work."""

from typing import Any, Final

import streamlit as st

from quarterdeck_ui.pages.analytics import charts, fetch, links, tables
from quarterdeck_ui.pages.analytics.comparison import ASPECTS, FEWEST_CALLS, Compared, Work, compared, verdict
from quarterdeck_ui.pages.analytics.figures import figure
from quarterdeck_ui.queries import WITHIN, ChartRange

_SECONDS: Final = st.column_config.NumberColumn(format="%.2f s")
_COLUMNS: Final = {
    "calls": tables.COUNT,
    "cost of a call": st.column_config.NumberColumn(format="$%.5f"),
    "latency": _SECONDS,
    "time to first token": _SECONDS,
    "tokens per second": st.column_config.NumberColumn(format="%.0f"),
    "error rate": tables.SHARE,
    "retry rate": tables.SHARE,
}
_METHOD: Final = (
    "Only steps that more than one did are compared, each with itself: how many times as much the other takes, with a "
    "95 % interval from a paired bootstrap over days (2,000 draws). An interval that holds 1 shows no difference."
)


def show(asked: ChartRange) -> None:
    """Draw the tab."""
    by = st.segmented_control(
        "Compare", ["model", "provider"], default="model", required=True, key="compare", bind="query-params"
    )
    found = compared(*fetch.work(asked), by or "model")
    if not found:
        st.info(
            f"Nothing to compare in this range: no step of a pipeline was done by two {by}s with {FEWEST_CALLS} calls "
            "each. Choose a longer range, or let a step run with another model for a while."
        )
        return
    names = [" / ".join(each) for each in dict.fromkeys(each.place for each in found)]
    step = st.selectbox("Step", names, key="compared-step", bind="query-params", width=420)
    mine = [each for each in found if WITHIN.join(each.place) == step]
    base = mine[0].base
    st.subheader(f"Beside {base}", anchor=False)
    st.caption(_METHOD)
    rows = [row for each in mine for row in _ratios(each)]
    drawn = [row for row in rows if row["ratio"] is not None]
    pipeline, inner = mine[0].place
    alert = links.alert(asked, "latency_p50", comparison="unusually_high", pipeline=pipeline, step=inner)
    figure("ratios", drawn, charts.ratios(), f"Ratios to {base} with 95 % intervals", alert)
    tables.table(
        f"compared-{by}",
        rows,
        {name: st.column_config.NumberColumn(format="%.3f") for name in ("ratio", "low", "high")},
    )
    st.subheader("What each did", anchor=False)
    done = [_done(asked, mine[0].base, mine[0].base_work, str(by))]
    done += [_done(asked, each.other, each.other_work, str(by)) for each in mine]
    tables.table(f"work-by-{by}", done, _COLUMNS)


def _ratios(each: Compared) -> list[dict[str, Any]]:
    found = []
    for aspect in ASPECTS:
        estimate = each.estimates[aspect.name]
        ends = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
        found.append(
            {"what": aspect.title, "model": each.other, **dict(zip(("ratio", "low", "high"), ends, strict=True))}
            | {"verdict": verdict(aspect, estimate)}
        )
    return found


def _done(asked: ChartRange, who: str, work: Work, by: str) -> dict[str, Any]:
    values = {aspect.title: aspect.value(work) for aspect in ASPECTS}
    return {by: who, "calls": work.calls, **values, tables.RUNS: links.part(asked, by, who)}
