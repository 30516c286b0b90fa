"""Streamlit's own chrome, which our pages do without."""

import functools
from pathlib import Path

import streamlit as st


@functools.cache
def _css(name: str) -> str:
    return f"<style>{(Path(__file__).parent / name).read_text('utf-8')}</style>"


def step_back() -> None:
    """Let the component of this page fill the window."""
    st.html(_css("chrome.css") + _css("component_page.css"))


def keep_close() -> None:
    """Give a page of Streamlit's own parts the measures of the others."""
    # Styles alone would lie where toasts do, and the toast of a fragment would take their place.
    st.html(_css("chrome.css") + _css("streamlit_page.css") + "<i hidden></i>")
