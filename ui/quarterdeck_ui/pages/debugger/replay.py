"""Replay a run from one of its steps, with changes there, and with the earlier answers used again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st
import yaml

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.debugger import replaying

_ARRIVES_WITHIN = timedelta(seconds=20)
"""How long the spans of a run may take into the store after its end."""

_EDITABLE = ("prompt", "model", "claude_options", "gemini_options", "token_budget")


def show() -> None:
    """Draw the tool: choose a run, or change a step of the run that the address names."""
    run_id = st.query_params.get("run", "")
    runner = services.current().runner
    if not run_id:
        _choose()
        return
    try:
        run = runner.run(run_id)
    except RunnerError as error:
        st.info(
            f"This run cannot be replayed: {error}. Only runs that the runner did can be.", icon=":material/replay:"
        )
        _choose()
        return
    st.markdown(f"**{run['pipeline']}** · {run['status']} · `{run_id}`")
    if "replay" not in run["actions"]:
        st.info("A run can be replayed once it is over.", icon=":material/hourglass:")
        return
    steps = replaying.steps_of(services.current().store, run_id)
    if not steps and _has_just_ended(run):
        st.info("What this run did is on its way into the store.", icon=":material/hourglass:")
        _wait_for_its_steps(run)
        return
    if not steps:
        st.info("The configuration of this run was not recorded, so its steps cannot be changed here.")
        return
    _form(run_id, steps)


def _has_just_ended(run: Mapping[str, Any]) -> bool:
    ended = run["completed_at"]
    return bool(ended) and datetime.now(UTC) - datetime.fromisoformat(ended) < _ARRIVES_WITHIN


@st.fragment(run_every=1.0)
def _wait_for_its_steps(run: Mapping[str, Any]) -> None:
    if replaying.steps_of(services.current().store, run["id"]) or not _has_just_ended(run):
        st.rerun()


def _choose() -> None:
    runs = [run for run in replaying.newest(services.current().runner) if "replay" in run["actions"]]
    if not runs:
        st.info("No run of the runner is over yet. Start one on the deck; then it can be replayed from any step.")
        return
    names = {
        run["id"]: f"{run['pipeline']} · {run['status']} · {run['created_at'][:19].replace('T', ' ')}" for run in runs
    }
    chosen = st.selectbox(
        "Run", ["", *names], format_func=lambda each: names.get(each, "Choose a run"), key="replay-run"
    )
    if chosen:
        st.query_params["run"] = chosen
        st.rerun()


def _form(run_id: str, steps: dict[str, dict[str, Any]]) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        names, asked = list(steps), replaying.holder(steps, st.query_params.get("step", ""))
        asks = [name for name, step in steps.items() if "prompt" in step]
        first = st.radio(
            "Replay from",
            names,
            index=names.index(asked or [*asks, *names][0]),
            key=f"from-{run_id}-{asked}",
            captions=[str(step.get("type", "")) for step in steps.values()],
        )
        reused = names[: names.index(first)] if first else []
        st.caption(f"Answers used again: {', '.join(reused) or 'none'}. Everything from {first} on is done anew.")
    with right:
        step = steps[first] if first else {}
        known = {name: step[name] for name in _EDITABLE if name in step}
        text = st.text_area(
            f"Changes in {first} (YAML)",
            yaml.safe_dump(known, allow_unicode=True, sort_keys=False, width=100) if known else "",
            height=280,
            key=f"edit-{run_id}-{first}",
        )
        offered = identity.offers("Replaying a run")
        pressed = offered and st.button("Replay", type="primary", icon=":material/replay:", key="replay")
        if pressed and identity.may_steer():
            _replay(run_id, str(first), known, text)


def _replay(run_id: str, first: str, known: dict[str, Any], text: str) -> None:
    try:
        changes = replaying.changes(known, text)
        made = services.current().runner.ask(
            "POST", f"/v1/runs/{run_id}/replay", {"from_step": first, "steps": {first: changes} if changes else {}}
        )
    except (RunnerError, ValueError) as error:
        st.error(str(error), icon=":material/error:")
        return
    st.success("Started.", icon=":material/check:")
    st.link_button("Watch the new run", f"/?run={made['id']}", icon=":material/open_in_new:")
