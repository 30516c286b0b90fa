"""The tab of dashboards: choose one, change it, save it."""

from typing import Any, Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.analytics import fetch
from quarterdeck_ui.pages.analytics.dashboards import definition
from quarterdeck_ui.pages.analytics.dashboards.definition import KIND, Dashboard, DefinitionError, Panel, dashboard_of
from quarterdeck_ui.pages.analytics.dashboards.drawing import draw
from quarterdeck_ui.queries import WITHIN, ChartRange
from quarterdeck_ui.saved import ConflictError, SavedError, SavedObject

_NEW: Final = "New dashboard"
_FIRST: Final = Dashboard(
    "Untitled",
    (
        Panel("cost", "model", "columns", {}),
        Panel("runs", "pipeline", "columns", {}),
        Panel("latency, 95 %", "model", "line", {}),
        Panel("failure rate", "pipeline", "bars", {}),
    ),
)
_DRAFT: Final = "dashboard-draft"


def show(asked: ChartRange) -> None:
    """Draw the tab."""
    saved = {each.id: each for each in services.current().saved.all(KIND)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Dashboard", [_NEW, *saved], key="dashboard", bind="query-params", width=280, on_change=_forget
        )
    now = saved.get(chosen or _NEW)
    try:
        shown = _draft(now)
    except DefinitionError as error:
        st.error(f"This dashboard cannot be read: {error}.")
        return
    person = identity.current()
    if person and person.may_steer and st.toggle("Change this dashboard", key="dashboard-change"):
        with st.container(border=True, key="dashboard-form"):
            _change(asked, shown, now)
    cells = st.columns(2, gap="medium")
    for number, panel in enumerate(shown.panels):
        with cells[number % 2], st.container(border=True, key=f"panel-{number}"):
            draw(asked, panel, f"{definition.id_of(shown.title)}-{number + 1}")
    if not shown.panels:
        st.info("No chart yet: add one above.")


def _forget() -> None:
    st.session_state.pop(_DRAFT, None)


def _draft(now: SavedObject | None) -> Dashboard:
    """What is being changed, or what is saved."""
    if _DRAFT not in st.session_state:
        st.session_state[_DRAFT] = dashboard_of(now.body) if now else _FIRST
    draft: Dashboard = st.session_state[_DRAFT]
    return draft


def _keep(title: str, panels: tuple[Panel, ...]) -> None:
    st.session_state[_DRAFT] = Dashboard(title, panels)


def _change(asked: ChartRange, shown: Dashboard, now: SavedObject | None) -> None:
    _add(asked, shown)
    if shown.panels:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            names = [f"{number}. {panel.heading}" for number, panel in enumerate(shown.panels, 1)]
            gone = st.selectbox(
                "Remove a chart", range(len(names)), format_func=lambda number: names[number], width=320
            )
            if st.button("Remove", key="panel-remove", icon=":material/delete:"):
                _keep(shown.title, tuple(p for number, p in enumerate(shown.panels) if number != gone))
                st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Title", now.body["title"] if now else "", key="dashboard-title", width=320, max_chars=120)
        st.button(
            "Save",
            key="dashboard-save",
            type="primary",
            icon=":material/save:",
            on_click=_save,
            args=(shown, now),
        )
        if now:
            st.button("Delete", key="dashboard-delete", icon=":material/delete:", on_click=_delete, args=(now,))
    st.caption("A saved dashboard is shared by its address: it holds the dashboard, the range and the environment.")


def _add(asked: ChartRange, shown: Dashboard) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        quantity = st.selectbox("Measure", list(definition.QUANTITIES), key="panel-quantity", width=190)
        by = st.selectbox("By", definition.dimensions(quantity), key="panel-by", width=150)
        chart = st.selectbox("Chart", definition.CHARTS, key="panel-chart", width=120)
        only = _only(asked, runs=definition.QUANTITIES[quantity].of_runs)
        title = st.text_input("Heading", key="panel-title", placeholder="as it is", width=180, max_chars=120)
        if st.button("Add chart", key="panel-add", icon=":material/add:"):
            said: dict[str, Any] = {"quantity": quantity, "by": by, "chart": chart, "only": only, "title": title}
            try:
                _keep(shown.title, (*shown.panels, definition.panel_of(said)))
            except DefinitionError as error:
                st.toast(str(error), icon="⚠️")
            else:
                st.rerun()


def _only(asked: ChartRange, *, runs: bool) -> dict[str, str]:
    """A field for each value that calls may be limited to."""
    found = {}
    for name in ("pipeline",) if runs else definition.FILTERS:
        parts = [each.part for each in fetch.measures(asked, name)]
        known = sorted({part.rpartition(WITHIN)[2] for part in parts}) if name == "step" else parts
        if chosen := st.selectbox(f"Only {name}", ["", *filter(None, known)], key=f"panel-only-{name}", width=170):
            found[name] = chosen
    return found


def _save(shown: Dashboard, now: SavedObject | None) -> None:
    if not identity.may_steer():
        return
    title = str(st.session_state["dashboard-title"])  # as it is now: it may have been typed since the page was drawn
    if not title.strip():
        st.toast("A dashboard needs a title.", icon="⚠️")
        return
    object_id = now.id if now else definition.id_of(title)
    try:
        body = dashboard_of(Dashboard(title, shown.panels).body()).body()
        services.current().saved.put(KIND, object_id, body, now.version if now else 0)
    except ConflictError as error:
        why = str(error) if now else "a dashboard of this name is there already: take another title"
        st.toast(f"Not saved: {why}", icon="⚠️", duration="long")
        return
    except (SavedError, DefinitionError) as error:
        st.toast(f"Not saved: {error}", icon="⚠️", duration="long")
        return
    _forget()
    st.session_state["dashboard"] = object_id
    st.toast(f"{title} is saved. Share it by its address.", icon="✅")


def _delete(now: SavedObject) -> None:
    if not identity.may_steer():
        return
    try:
        services.current().saved.delete(KIND, now.id, now.version)
    except SavedError as error:
        st.toast(f"Not deleted: {error}", icon="⚠️", duration="long")
        return
    _forget()
    st.session_state["dashboard"] = _NEW
