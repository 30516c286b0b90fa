"""Streamlit's own chrome, which our components do without."""

import functools
from pathlib import Path

import streamlit as st


@functools.cache
def _css() -> str:
    return f"<style>{(Path(__file__).parent / 'page.css').read_text('utf-8')}</style>"


def step_back() -> None:
    """Let the component of this page fill the window."""
    st.html(_css())
