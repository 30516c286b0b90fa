"""The Streamlit script: one page for now, found by ``st.navigation``."""

import streamlit as st

st.set_page_config(page_title="Quarterdeck", page_icon="🧭", layout="wide", initial_sidebar_state="collapsed")
st.navigation([st.Page("pages/deck.py", title="Deck", default=True)], position="hidden").run()
