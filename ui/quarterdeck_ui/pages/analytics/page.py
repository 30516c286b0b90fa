"""The page of analytics: a range of time, and tabs over it."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from quarterdeck_ui import filter_bar, frame
from quarterdeck_ui.pages.analytics import cost, fetch, models, overview, steps
from quarterdeck_ui.pages.analytics.dashboards import view as dashboards
from quarterdeck_ui.pages.analytics.sql import view as sql
from quarterdeck_ui.queries import ChartRange

_TABS: Final[dict[str, Callable[[ChartRange], None]]] = {
    "Overview": overview.show,
    "Cost": cost.show,
    "Models": models.show,
    "Steps": steps.show,
    "Dashboards": dashboards.show,
    "SQL": sql.show,
}
_ABOUT: Final = "What happened over time, what it cost, and what stands out."


def show() -> None:
    """Draw the page."""
    frame.page("analytics", "Analytics", _ABOUT)
    frame.recovering(_body)


def _body() -> None:
    asked = fetch.range_of(filter_bar.filter_bar("30d"))
    chosen = st.segmented_control(
        "Part of the page",
        list(_TABS),
        default="Overview",
        required=True,
        key="tab",
        bind="query-params",
        label_visibility="collapsed",
    )
    _TABS[chosen or "Overview"](asked)
