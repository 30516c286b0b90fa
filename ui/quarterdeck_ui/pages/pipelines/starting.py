"""The tab in which a pipeline is started and its runs are steered."""

from collections.abc import Mapping
from typing import Any, Final, cast

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import DryRun, Pipeline, Run
from quarterdeck_ui import deck, inputs_form, services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.pipelines import options_form
from quarterdeck_ui.pages.pipelines.prompts_view import cost_range, show_prompts

_SHOWN: Final = 8
_LOOKED_AT: Final = 100
_EVERY_S: Final = 2.0
_ICONS: Final = {
    "running": ":material/progress_activity:",
    "waiting": ":material/hourglass_top:",
    "paused": ":material/pause:",
    "completed": ":material/check:",
    "failed": ":material/close:",
    "cancelled": ":material/block:",
    "lost": ":material/question_mark:",
}
_COLOURS: Final = {"completed": "green", "failed": "red", "lost": "orange", "running": "blue", "waiting": "violet"}
_LABELS: Final = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel", "retry": "Retry"}


def show(pipeline: Pipeline) -> None:
    """Draw the tab.

    Args:
        pipeline: One that can run.
    """
    left, right = st.columns([3, 2], gap="large")
    with left:
        _form(pipeline)
    with right:
        _runs(pipeline["name"])


@st.fragment
def _form(pipeline: Pipeline) -> None:
    name = pipeline["name"]
    st.subheader("Inputs", anchor=False)
    raw = inputs_form.draw(pipeline["inputs"], f"in-{name}")
    if not raw:
        st.caption("This pipeline takes no inputs.")
    with st.expander("Environment, provider and model", key=f"options-{name}"):
        chosen = options_form.draw(pipeline)
    with st.container(horizontal=True, gap="small"):
        start = identity.steers() and st.button(
            "Start run", type="primary", icon=":material/play_arrow:", key="run-start"
        )
        predict = st.button(
            "Preview",
            icon=":material/visibility:",
            key="run-preview",
            help="Prompts, tokens and cost; nobody is asked.",
        )
    identity.offers("Starting a run")
    if start:
        _start(pipeline, raw, chosen)
    elif predict:
        _preview(pipeline, raw, chosen)


def _start(pipeline: Pipeline, raw: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    if not identity.may_steer():
        return
    try:
        inputs = inputs_form.inputs_of(pipeline["inputs"], raw)
        run = services.current().runner.start(pipeline["name"], inputs, **chosen)
    except (RunnerError, ValueError) as error:
        st.error(f"Not started: {error}", icon=":material/error:")
        return
    st.success(f"Started run `{run['id']}`.", icon=":material/check:")
    st.link_button("Watch it on the deck", f"/?run={run['id']}", icon=":material/visibility:")


def _preview(pipeline: Pipeline, raw: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    try:
        inputs = inputs_form.inputs_of(pipeline["inputs"], raw)
        found: DryRun = services.current().runner.dry_run(pipeline["name"], inputs, **chosen)
    except (RunnerError, ValueError) as error:
        st.error(f"No preview: {error}", icon=":material/error:")
        return
    count = len(found["calls"])
    st.markdown(
        f"**{count} call{'s' * (count != 1)}**, about {found['input_tokens']:,} tokens of prompts, "
        f"{cost_range(found['cost_usd'], found['max_cost_usd'])}"
    )
    if found["not_told"]:
        st.caption(f"Not in this sum, for it shows only when they run: {', '.join(found['not_told'])}.")
    show_prompts(found["steps"])


@st.fragment(run_every=_EVERY_S)
def _runs(name: str) -> None:
    st.subheader("Runs of this pipeline", anchor=False)
    try:
        found = _newest(name)
    except RunnerError as error:
        st.caption(f"The runner does not tell now: {error}")
        return
    if not found:
        st.caption("None yet. Start one: it appears here.")
    for run in found:
        _run(run)


def _newest(name: str) -> list[Run]:
    """The newest runs of a pipeline; those that go on first."""
    runner = services.current().runner
    found: list[Run] = [*runner.active_runs().values(), *runner.ask("GET", f"/v1/runs?limit={_LOOKED_AT}")["runs"]]
    return [run for run in {run["id"]: run for run in found}.values() if run["pipeline"] == name][:_SHOWN]


def _run(run: Run) -> None:
    status = run["status"]
    with (
        st.container(border=True, key=f"run-row-{run['id']}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        st.badge(status, color=cast("Any", _COLOURS.get(status, "gray")), icon=_ICONS.get(status))
        st.markdown(f"[{run['created_at'][11:19]}](/?run={run['id']})", width="content")
        st.caption(_progress(run))
        for action in run["actions"] if identity.steers() else ():
            if action in _LABELS:
                st.button(
                    _LABELS[action],
                    key=f"{action}-{run['id']}",
                    on_click=_steer,
                    args=(run["id"], action),
                    width="content",
                )


def _progress(run: Run) -> str:
    done, total = run["steps_done"], run["steps_total"]
    place = f"step {run['current_step']}" if run["current_step"] else ""
    count = f"{done} of {total} steps" if total else ""
    asked = f"asked to {run['pending']}" if run["pending"] else ""
    return ", ".join(filter(None, (place, count, asked))) or (run["error"] or "")[:120]


def _steer(run_id: str, action: str) -> None:
    if not identity.may_steer():
        return
    if problem := deck.steer(run_id, action):
        st.toast(problem, icon="⚠️", duration="long")
    st.session_state.pop("select", None)
