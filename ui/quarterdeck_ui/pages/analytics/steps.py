"""The slowest and the dearest steps, and each version of a pipeline beside the one before it."""

from typing import Final

import streamlit as st

from quarterdeck_ui.pages.analytics import fetch, links, numbers, tables
from quarterdeck_ui.pages.analytics.findings.versions import ALPHA, FEWEST_RUNS, Step, compared
from quarterdeck_ui.queries import WITHIN, ChartRange

_NS: Final = 10**9
_STEPS: Final = {
    "hours in all": st.column_config.NumberColumn(format="%.2f"),
    "share of time": tables.SHARE,
    "median": tables.SECONDS,
    "95 %": tables.SECONDS,
    "times": tables.COUNT,
    "failed": tables.SHARE,
    "cost": tables.COST,
    "share of cost": tables.SHARE,
    "cost each time": st.column_config.NumberColumn(format="$%.5f"),
}
_PER_CENT: Final = st.column_config.NumberColumn(format="percent")
_P: Final = st.column_config.NumberColumn(format="%.2g")
_VERSIONS: Final = {
    "since": st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm", timezone="UTC"),
    "runs": tables.COUNT,
    "median before": tables.SECONDS,
    "median": tables.SECONDS,
    "p of duration": _P,
    "failed before": _PER_CENT,
    "failed": _PER_CENT,
    "p of failures": _P,
}


def show(asked: ChartRange) -> None:
    """Draw the tab."""
    st.subheader("Slowest and dearest steps", anchor=False)
    st.caption("Sort by a heading: by hours in all, by the time of a single one, or by cost.")
    tables.table("steps", _steps(asked), _STEPS, "No step ran in this range.")
    st.subheader("After a version change", anchor=False)
    st.caption(
        "Each version beside the one before it. Duration of completed runs: U test of Mann and Whitney; share that "
        f"failed: exact test of Fisher; all p-values corrected by Benjamini and Hochberg, and "
        f"judged at {ALPHA * 100:.0f} %."
    )
    changes = [_version(asked, step) for step in reversed(compared(fetch.versions(asked)))]
    empty = f"No pipeline has two versions with {FEWEST_RUNS} runs each in this range."
    tables.table("versions", changes, _VERSIONS, empty)


def _steps(asked: ChartRange) -> list[tables.Row]:
    costs = {each.part: each.cost for each in fetch.measures(asked, "step")}
    found = fetch.step_times(asked)
    seconds, cost = sum(each.seconds for each in found), sum(costs.values())
    rows: list[tables.Row] = []
    for each in found:
        spent = costs.get(f"{each.pipeline}{WITHIN}{each.step}", 0.0)
        rows.append(
            {
                "pipeline": each.pipeline,
                "step": each.step,
                "hours in all": each.seconds / 3600,
                "share of time": each.seconds / seconds if seconds else None,
                "median": each.took[0],
                "95 %": each.took[1],
                "times": each.times,
                "failed": each.failed / each.times,
                "cost": spent,
                "share of cost": spent / cost if cost else None,
                "cost each time": spent / each.times,
                tables.RUNS: links.runs(asked, pipeline=each.pipeline),
            }
        )
    return rows


def _version(asked: ChartRange, step: Step) -> tables.Row:
    (took_before, took), (failed_before, failed) = step.took, step.failed
    return {
        "pipeline": step.after.pipeline,
        "version": step.after.version,
        "before it": step.before.version,
        "since": numbers.moment(step.after.first_ns / _NS),
        "runs": step.after.runs,
        "verdict": step.verdict,
        "median before": took_before,
        "median": took,
        "p of duration": step.p_duration,
        "failed before": failed_before,
        "failed": failed,
        "p of failures": step.p_failed,
        tables.RUNS: links.runs(asked, pipeline=step.after.pipeline, words=step.after.version),
    }
