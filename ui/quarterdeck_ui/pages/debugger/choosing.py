"""Choose a call from the newest ones."""

import time
from datetime import UTC, datetime

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.queries import CallRow, search_calls

_SHOWN = 50


def show() -> None:
    """Draw the list; choosing a row puts it into the address."""
    words = st.text_input(
        "Search",
        key="calls",
        bind="query-params",
        placeholder="Pipeline, step, model or id",
        label_visibility="collapsed",
        icon=":material/search:",
        width=360,
    )
    rows = _found(words or "")
    if not rows:
        st.info(
            "No model call of the last 90 days matches."
            if words
            else "No model call was recorded yet. Run a pipeline, or write a draft: it needs no recorded call.",
            icon=":material/chat_bubble:",
        )
        return
    chosen = st.dataframe(
        [_line(row) for row in rows],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="chosen-call",
        height=min(620, 38 + 35 * len(rows)),
        column_config={
            "Time": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss", width=130),
            "Cost": st.column_config.NumberColumn(format="$%.5f"),
            "Seconds": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    st.caption("Choose a call to take it apart.")
    if picked := chosen.selection.rows:
        row = rows[picked[0]]
        st.query_params["run"], st.query_params["span"] = row.run_id, row.span_id
        st.rerun()


def _found(words: str) -> list[CallRow]:
    """Look further and further back, and say how far that is."""
    rows: list[CallRow] = []
    place = st.empty()
    for found in search_calls(services.current().store, time.time_ns(), words, limit=_SHOWN):
        rows, since = found.rows, datetime.fromtimestamp(found.since_ns / 1e9, UTC)
        if len(rows) < _SHOWN:
            place.caption(f"Looking further back: {len(rows)} found since {since:%Y-%m-%d %H:%M} UTC …")
    place.empty()
    return rows


def _line(row: CallRow) -> dict[str, object]:
    return {
        "Time": datetime.fromtimestamp(row.at_ms / 1000, UTC),
        "Pipeline": row.pipeline,
        "Step": row.step,
        "Model": row.model,
        "In": row.tokens_in,
        "Out": row.tokens_out,
        "Cost": row.cost,
        "Seconds": row.milliseconds / 1000,
        "Outcome": "✗ failed" if row.failed else row.finish_reason or "✓",
    }
