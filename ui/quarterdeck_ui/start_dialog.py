"""Start a run: choose a pipeline of the runner's catalogue and fill in its inputs."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import inputs_form, services
from quarterdeck_ui.access import identity


@st.dialog("Start a run", width="medium")
def show() -> None:
    """Draw the dialog."""
    runner = services.current().runner
    try:
        pipelines = runner.pipelines()
    except RunnerError as error:
        st.error(f"Runs cannot be started now: the runner at {error}")
        st.caption("Start it with `quarterdeck up` or `quarterdeck runner`, then open this dialog again.")
        return
    if not pipelines:
        st.info("The runner has no pipeline. Put a YAML file into its pipelines folder; it appears here at once.")
        return
    by_name = {str(pipeline["name"]): pipeline for pipeline in sorted(pipelines, key=lambda each: not each["runnable"])}
    chosen = by_name[st.selectbox("Pipeline", list(by_name), format_func=lambda name: _label(by_name[name]))]
    _problems(chosen)
    if chosen["runnable"]:
        _form(chosen)


def _label(pipeline: Mapping[str, Any]) -> str:
    return str(pipeline["name"]) if pipeline["runnable"] else f"{pipeline['name']} (cannot run as it is)"


def _problems(pipeline: Mapping[str, Any]) -> None:
    """What the runner found in the file, each with its line: nobody should wonder where a pipeline is."""
    found = [f"{each['file']}:{each['line']}: {each['message']}" for each in pipeline.get("diagnostics", [])]
    if found:
        st.code("\n".join(found), language=None, wrap_lines=True)
    if not pipeline["runnable"]:
        st.caption("Save the mended file and open this dialog again.")


def _form(pipeline: Mapping[str, Any]) -> None:
    if pipeline.get("description"):
        st.caption(pipeline["description"])
    st.caption(" → ".join(str(step["name"]) for step in pipeline.get("steps", [])))
    with st.form(f"start-{pipeline['name']}", border=False):
        raw = inputs_form.draw(pipeline.get("inputs", []))
        if st.form_submit_button("Start run", type="primary", icon=":material/play_arrow:", key="start-submit"):
            _start(pipeline, raw)


def _start(pipeline: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
    if not identity.may_steer():
        return
    try:
        inputs = inputs_form.inputs_of(pipeline.get("inputs", []), raw)
        run_id = services.current().runner.start(str(pipeline["name"]), inputs)["id"]
    except (RunnerError, ValueError) as error:
        st.error(str(error))
        return
    st.session_state["select"] = run_id
    st.rerun()
