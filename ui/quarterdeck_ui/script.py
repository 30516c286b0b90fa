"""The Streamlit script: one address, whose ``view`` says what fills the window.

Pages of ``st.navigation`` have addresses of their own, below which the browser looks for Streamlit's routes in vain.
"""

import importlib
from typing import Final

import streamlit as st

_DECK: Final = "quarterdeck_ui.deck"
_VIEWS: Final = {"logs": "quarterdeck_ui.logs_page"} | {
    name: f"quarterdeck_ui.pages.{name}.page" for name in ("pipelines", "debugger", "analytics", "errors", "alerts")
}

st.set_page_config(page_title="Quarterdeck", page_icon="🧭", layout="wide", initial_sidebar_state="collapsed")
importlib.import_module(_VIEWS.get(st.query_params.get("view", ""), _DECK)).show()
