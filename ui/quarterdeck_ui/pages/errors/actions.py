"""What a reader can do about a group: retry a run from the step that failed, mark it as resolved, take that back."""

import time
from collections.abc import Callable

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.errors.case import Case
from quarterdeck_ui.pages.errors.states import KIND, Resolution
from quarterdeck_ui.queries import ErrorGroup
from quarterdeck_ui.saved import SavedError


def show(group: ErrorGroup, case: Case | None, resolution: Resolution | None) -> None:
    """Draw the buttons."""
    _say_what_was_done()
    reason, steers = "", identity.steers()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="error-actions"):
        if case is not None and steers:
            reason = why_not_retried(case.occurrence.run_id)
            step = case.occurrence.step
            st.button(
                f"Retry from {step}" if step else "Retry the run",
                icon=":material/replay:",
                type="primary",
                key="error-retry",
                disabled=bool(reason),
                on_click=_retry,
                args=(case.occurrence.run_id,),
            )
        if case is not None:
            st.link_button("Open the run", f"/?run={case.occurrence.run_id}", icon=":material/open_in_new:")
        if steers and (resolution is None or group.last_ns > resolution.at_ns):
            st.button(
                "Mark as resolved",
                icon=":material/check_circle:",
                key="error-resolve",
                on_click=_resolve,
                args=(group,),
            )
        if steers and resolution is not None:
            st.button("Reopen", icon=":material/undo:", key="error-reopen", on_click=_reopen, args=(group.id,))
    if not identity.offers("Retrying the run or marking the error as resolved"):
        return
    if reason:
        st.caption(f"It cannot be retried from here: {reason}")


def why_not_retried(run_id: str) -> str:
    """Why the runner cannot retry a run; empty if it can."""
    try:
        run = services.current().runner.run(run_id)
    except RunnerError as error:
        if error.status == 404:  # noqa: PLR2004 - not found
            return "the runner does not know this run, a program of yours ran it. Start it there again."
        return f"the runner at {error}"
    if "retry" in run["actions"]:
        return ""
    if run["status"] == "completed":
        return "the run completed; open it to replay it from a step."
    return f"the run is {run['status']}." if run["kind"] == "yaml" else "the program that ran it must start it again."


def _retry(run_id: str) -> None:
    if not identity.may_steer():
        return
    try:
        new = services.current().runner.steer(run_id, "retry")
    except RunnerError as error:
        st.session_state["error-done"] = ("", f"Retry did not work: {error}")
        return
    st.session_state["error-done"] = (str(new["id"]), "")


def _say_what_was_done() -> None:
    run_id, problem = st.session_state.pop("error-done", ("", ""))
    if run_id:
        st.success(f"It runs again from where it failed: [see the new run](/?run={run_id}).", icon=":material/replay:")
    elif problem:
        st.error(problem)


def _resolve(group: ErrorGroup) -> None:
    person = identity.current()
    version = group.versions[-1] if group.versions else ""
    word = Resolution(time.time_ns(), person.name if person else "", version)
    if identity.may_steer():
        _save(lambda: services.current().saved.put(KIND, group.id, word.body()))


def _reopen(group_id: str) -> None:
    if identity.may_steer():
        _save(lambda: services.current().saved.delete(KIND, group_id))


def _save(change: Callable[[], object]) -> None:
    try:
        change()
    except SavedError as error:
        st.session_state["error-done"] = ("", f"It was not saved: {error}")
