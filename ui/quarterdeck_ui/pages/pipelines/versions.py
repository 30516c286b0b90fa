"""The versions of a pipeline that ran: when, how well, at what cost, and with which configuration."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.filter_bar import filter_bar
from quarterdeck_ui.pages.analytics.fetch import range_of
from quarterdeck_ui.pages.analytics.findings.versions import ALPHA, FEWEST_RUNS, Step, compared
from quarterdeck_ui.pages.pipelines.draft import difference
from quarterdeck_ui.queries import PipelineVersion, config_of, pipeline_versions, version_runs

_DEFAULT: Final = "90d"
_NS: Final = 1e9


def show(name: str) -> None:
    """Draw the tab.

    Args:
        name: Name of the pipeline.

    Raises:
        StoreError: ClickHouse is away.
    """
    scope = filter_bar(_DEFAULT)
    store = services.current().store
    found = pipeline_versions(store, name, scope, time.time_ns())
    if not found:
        st.info(
            "No run of this pipeline in this range. Choose a longer one, or start the pipeline.",
            icon=":material/history:",
        )
        return
    st.dataframe(
        rows(found, compared(version_runs(store, range_of(scope), name))),
        hide_index=True,
        width="stretch",
        key="versions-table",
        column_config={
            "success": st.column_config.ProgressColumn("success", format="percent", min_value=0, max_value=1),
            "first seen": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "last seen": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "cost": st.column_config.NumberColumn(format="dollar"),
            "cost per run": st.column_config.NumberColumn(format="$%.4f"),
            "median": st.column_config.NumberColumn("median duration", format="%.1f s"),
            "newest run": st.column_config.LinkColumn(display_text="open"),
            "verdict": st.column_config.TextColumn(
                "against the one before",
                help=f"Duration by the U test of Mann and Whitney, failures by the exact test of Fisher, at "
                f"{ALPHA * 100:.0f} %; from {FEWEST_RUNS} runs of each on.",
            ),
        },
    )
    if any(each.unpriced for each in found):
        st.caption("Costs leave out calls whose price is not known.")
    _configuration(found)


def rows(found: Sequence[PipelineVersion], steps: Sequence[Step] = ()) -> list[dict[str, Any]]:
    """The rows of the table.

    Args:
        found: The versions.
        steps: What was tested of one after another.
    """
    verdicts = {step.after.version: step.verdict for step in steps}
    return [
        {
            "version": each.version or "(none told)",
            "verdict": verdicts.get(each.version, ""),
            "runs": each.runs,
            "success": each.completed / ended if (ended := each.completed + each.failed) else None,
            "first seen": _time(each.first_ns),
            "last seen": _time(each.last_ns),
            "cost": each.cost,
            "cost per run": each.cost / each.runs,
            "median": each.median_ns / _NS if each.median_ns is not None else None,
            "newest run": f"/?run={each.newest_run}",
        }
        for each in found
    ]


def _configuration(found: Sequence[PipelineVersion]) -> None:
    st.subheader("Configuration", anchor=False)
    by_name = {each.version: each for each in found}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        one = st.selectbox(
            "Version", list(by_name), key="version-one", width=220, format_func=lambda name: name or "(none told)"
        )
        others = [None, *(name for name in by_name if name != one)]
        other = st.selectbox(
            "Compared with",
            others,
            key="version-other",
            width=220,
            format_func=lambda name: "nothing" if name is None else name or "(none told)",
        )
    text = laid_out(config_of(services.current().store, by_name[one]))
    if not text:
        st.caption("The runs of this version did not tell their configuration; capturing it may be switched off.")
    elif other is None:
        st.code(text, language="json", wrap_lines=True)
    else:
        before = laid_out(config_of(services.current().store, by_name[other]))
        found_difference = difference(before, text, (other, one))
        st.code(found_difference or "(the same configuration)", language="diff", wrap_lines=True)


def laid_out(config: str) -> str:
    """A configuration as indented JSON; what is none stays as it is."""
    try:
        return json.dumps(json.loads(config), indent=2, ensure_ascii=False)
    except ValueError:
        return config


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / _NS, UTC)
