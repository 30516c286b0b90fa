"""Mounts header and quadrants, and carries out what the reader asks for there."""

import functools
import re
from dataclasses import asdict
from typing import Any

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import assets, chrome, services, start_dialog
from quarterdeck_ui.access import identity

ACTIONS = frozenset({"pause", "resume", "cancel", "retry"})
"""What the runner can be asked to do with a run."""

_RUN_ID = re.compile(r"[\w.:-]{1,200}")


@functools.cache
def _component() -> Any:
    return assets.component("deck")


def show() -> None:
    """Draw the deck page."""
    person = identity.current()
    chrome.step_back()
    _component()(
        key="deck",
        data={
            "select": st.session_state.pop("select", None),
            "runner": services.current().settings.runner_url,
            "person": asdict(person) if person else None,
            "leave": services.current().access.sessions is not None,
        },
        on_steer_change=_steer,
        on_start_change=_ask_to_start,
    )
    if st.session_state.pop("starting", False):
        start_dialog.show()


def steer(run_id: str, action: str) -> str:
    """Ask the runner to pause, resume, cancel or retry a run; a retry is a new run, which the page then shows.

    Returns:
        What went wrong, in words for the screen; empty when the runner agreed.
    """
    if action not in ACTIONS:
        return f"a run cannot be asked to {action}"
    if not _RUN_ID.fullmatch(run_id):
        return "that is no id of a run"
    try:
        answer = services.current().runner.steer(run_id, action)
    except RunnerError as error:
        return f"{action} did not work: {error}"
    if action == "retry":
        st.session_state["select"] = str(answer["id"])
    return ""


def _steer() -> None:
    if not identity.may_steer():
        return
    wish = st.session_state["deck"].steer or {}
    if problem := steer(str(wish.get("run", "")), str(wish.get("action", ""))):
        st.toast(problem, icon="⚠️", duration="long")


def _ask_to_start() -> None:
    st.session_state["starting"] = identity.may_steer()
