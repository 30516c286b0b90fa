"""What alerts have told, and what became of it."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from quarterdeck.amounts import amount
from quarterdeck_ui import services
from quarterdeck_ui.pages.alerts import acts
from quarterdeck_ui.pages.alerts.client import CHANNEL
from quarterdeck_ui.pages.alerts.words import TOLD, plain
from quarterdeck_ui.queries import AlertEvent, Outcome, alert_history

_DAYS: Final = {1: "Last day", 7: "Last 7 days", 30: "Last 30 days", 400: "All"}
_MARKS: Final = {"firing": "▲", "reminder": "△", "resolved": "✓"}
_ROWS: Final = 500


def show() -> None:
    """Draw the history."""
    rule = st.query_params.get("rule", "")
    with st.container(horizontal=True, vertical_alignment="center", key="history-bar"):
        days = st.selectbox(
            "Time", list(_DAYS), index=1, format_func=lambda each: _DAYS[each], key="history-days", width=160,
            label_visibility="collapsed",
        )  # fmt: skip
        if rule:
            st.markdown(f"Only of **{plain(rule)}**")
            if st.button("Show all", key="history-all"):
                acts.turn(tab="History")
                st.rerun()
    found = alert_history(services.current().store, time.time() - days * 86_400, rule, _ROWS)
    if not found:
        st.info("Nothing was told in this time.", icon=":material/history:")
        return
    names = {each.id: str(each.body.get("name") or each.id) for each in services.current().saved.all(CHANNEL)}
    st.dataframe(
        [_row(event, names) for event in found], hide_index=True, width="stretch", height="content", key="history-table"
    )
    if len(found) == _ROWS:
        st.caption(f"The newest {_ROWS}; choose a shorter time for others.")


def _row(event: AlertEvent, names: dict[str, str]) -> dict[str, Any]:
    sign = TOLD.get(event.what)
    return {
        "time (UTC)": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "what": f"{_MARKS.get(event.what, '')} {sign.word if sign else event.what}",
        "rule": event.name,
        "value": amount(event.value, event.unit),
        "told": "muted" if event.muted else "; ".join(_outcome(each, names) for each in event.outcomes) or "nobody",
        "text": event.text,
    }


def _outcome(each: Outcome, names: dict[str, str]) -> str:
    if each.channel == "dashboard":
        return "✓ Dashboard"
    name = names.get(each.channel, each.channel)
    match each.status:
        case "delivered":
            return f"✓ {name}" if each.attempts == 1 else f"✓ {name} at try {each.attempts}"
        case "failed":
            return f"✗ {name}: {each.reason}"
        case "waiting":
            return f"… {name} will be tried again: {each.reason}"
        case _:
            return f"… {name}"
