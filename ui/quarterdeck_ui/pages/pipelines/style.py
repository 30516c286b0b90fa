"""What the look of this page needs beyond the frame's."""

import functools
from pathlib import Path

import streamlit as st


@functools.cache
def _css() -> str:
    return f"<style>{(Path(__file__).parent / 'page.css').read_text('utf-8')}</style>"


def apply() -> None:
    """Add the style sheet of the page."""
    st.html(_css())
