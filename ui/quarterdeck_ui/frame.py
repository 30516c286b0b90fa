"""What the pages made of Streamlit's own parts have in common: rail, heading, and a banner when ClickHouse is away."""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import assets, chrome, services
from quarterdeck_ui.access import identity
from quarterdeck_ui.queries import StoreError
from quarterdeck_ui.saved import SavedError

_LOOK_AGAIN_S = 3.0


@functools.cache
def _component() -> Any:
    return assets.component("frame")


def page(view: str, title: str, about: str = "") -> None:
    """Draw the rail and the heading of a page.

    Args:
        view: Its name in the address.
        title: Heading.
        about: What it is for, in one sentence.
    """
    person = identity.current()
    data = {
        "view": view,
        "person": asdict(person) if person else None,
        "leave": services.current().access.sessions is not None,
    }
    with st.container(key="rail"):
        chrome.keep_close()
        _component()(key="frame", data=data)
    with st.container(key="heading"):
        st.title(title, anchor=False)
        if about:
            st.caption(about)


def recovering(draw: Callable[[], None]) -> None:
    """Draw a part of a page; while what it needs does not answer, say why, and look again every few seconds.

    Args:
        draw: Draws the part; may raise :class:`StoreError`, :class:`SavedError` or :class:`RunnerError`.
    """
    try:
        draw()
    except (StoreError, SavedError, RunnerError) as error:
        st.error(f"**Nothing to show now:** {error}. This page looks again by itself.", icon=":material/cloud_off:")
        _look_again()


@st.fragment(run_every=_LOOK_AGAIN_S)
def _look_again() -> None:
    """Run the whole page again, but not in the run that has just drawn the banner."""
    if st.session_state.pop("_looked", False):
        st.rerun()
    st.session_state["_looked"] = True
