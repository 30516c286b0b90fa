"""The page of the alerts, ``/?view=alerts``."""

from typing import Final

import streamlit as st

from quarterdeck_ui import frame
from quarterdeck_ui.pages.alerts import acts, channels, editor, history, rules

_TABS: Final = {"Rules": rules.show, "History": history.show, "Channels": channels.show}


def show() -> None:
    """Draw the page."""
    frame.page("alerts", "Alerts", "The collector watches these rules, whether a browser is open or not.")
    query = st.query_params
    if query.get("new") or query.get("edit"):
        frame.recovering(editor.show)
        return
    chosen = _tab()
    frame.recovering(_TABS[chosen])


def _tab() -> str:
    given = st.query_params.get("tab", "")
    names = list(_TABS)
    current = given if given in names else names[0]

    def changed() -> None:
        acts.turn(**({} if (name := st.session_state["alerts-tab"]) == names[0] else {"tab": name}))

    st.session_state["alerts-tab"] = current
    st.segmented_control(
        "Part", names, key="alerts-tab", on_change=changed, label_visibility="collapsed", required=True
    )
    return current
