"""The Streamlit script: one address, whose ``view`` says what fills the window.

Pages of ``st.navigation`` have addresses of their own, below which the browser looks for Streamlit's routes in vain.
"""

import streamlit as st

from quarterdeck_ui import deck, logs_page

st.set_page_config(page_title="Quarterdeck", page_icon="🧭", layout="wide", initial_sidebar_state="collapsed")
{"logs": logs_page.show}.get(st.query_params.get("view", ""), deck.show)()
