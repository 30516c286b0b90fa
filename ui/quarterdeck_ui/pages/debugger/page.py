"""The page: one tool at a time, chosen in the address."""

from typing import Final

import streamlit as st

from quarterdeck_ui import frame
from quarterdeck_ui.pages.debugger import advice, draft, experiment, recorded, replay

_TOOLS: Final = {
    "call": ("Recorded call", recorded.show),
    "draft": ("Draft", draft.show),
    "experiment": ("Experiments", experiment.show),
    "replay": ("Replay", replay.show),
    "advice": ("Suggestions", advice.show),
}


def show() -> None:
    """Draw the page."""
    frame.page("debugger", "Prompt debugger", "Take a prompt apart, change it, and see what it does before it ships.")
    st.session_state["tool"] = _chosen()
    st.segmented_control(
        "Tool",
        list(_TOOLS),
        format_func=lambda name: _TOOLS[name][0],
        required=True,
        key="tool",
        on_change=_choose,
        label_visibility="collapsed",
    )
    frame.recovering(_TOOLS[_chosen()][1])


def _chosen() -> str:
    name = st.query_params.get("tool", "call")
    return name if name in _TOOLS else "call"


def _choose() -> None:
    st.query_params["tool"] = st.session_state["tool"]
