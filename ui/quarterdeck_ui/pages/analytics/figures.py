"""A chart, with its numbers as CSV; Streamlit's own button above it saves it as PNG."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import alert_link
from quarterdeck_ui.pages.analytics import tables
from quarterdeck_ui.pages.analytics.charts import Spec

_OF_THE_DRAWING: Final = frozenset({"at", "href", "end", "order", "kind"})


def figure(name: str, rows: Sequence[Mapping[str, Any]], spec: Spec, alt: str, alert: str, *, note: str = "") -> None:
    """Draw a chart and what belongs below it.

    Args:
        name: Of the file, without its ending; also tells charts of a page apart.
        rows: What is drawn.
        spec: How.
        alt: What it shows, for those who do not see it.
        alert: Address of the form in which a rule is made that watches it.
        note: Said below it.
    """
    with st.container(key=f"chart-{name}", gap="xsmall"):
        st.vega_lite_chart(list(rows), spec, alt=alt)
        with st.container(horizontal=True, vertical_alignment="center"):
            tables.save(name, [_as_saved(row) for row in rows])
            alert_link.button(alert, f"alert-{name}")
            if note:
                st.caption(note)


def _as_saved(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is worth saving of a point: its time as people write it, and no addresses."""
    at = {"at": datetime.fromtimestamp(row["at"] / 1000, UTC).isoformat()} if row.get("at") else {}
    return at | {name: row[name] for name in row if name not in _OF_THE_DRAWING}
