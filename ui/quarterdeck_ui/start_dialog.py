"""Start a run: choose a pipeline of the runner's catalogue and fill in its inputs."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.access import identity

_ONE_LINE = 80
"""Characters that fit on one line of the dialog."""


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
        raw = {field["name"]: _widget(field) for field in pipeline.get("inputs", [])}
        if st.form_submit_button("Start run", type="primary", icon=":material/play_arrow:", key="start-submit"):
            _start(pipeline, raw)


def _widget(field: Mapping[str, Any]) -> Any:
    label = str(field["name"]) + (" *" if field.get("required") else "")
    hint, default = field.get("description") or None, field.get("default")
    match field.get("type"):
        case "boolean" | "bool":
            return st.checkbox(label, value=bool(default), help=hint)
        case "integer" | "int":
            return st.number_input(label, value=default if isinstance(default, int) else None, step=1, help=hint)
        case "number" | "float":
            return st.number_input(label, value=float(default) if default is not None else None, help=hint)
        case "object" | "array" | "list" | "json":
            return st.text_area(label, value="" if default is None else json.dumps(default, indent=2), help=hint)
        case _:
            text = "" if default is None else str(default)
            draw = st.text_area if len(text) > _ONE_LINE or "\n" in text else st.text_input
            return draw(label, value=text, help=hint)


def _start(pipeline: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
    if not identity.may_steer():
        return
    try:
        run_id = services.current().runner.start(str(pipeline["name"]), inputs_of(pipeline, raw))["id"]
    except (RunnerError, ValueError) as error:
        st.error(str(error))
        return
    st.session_state["select"] = run_id
    st.rerun()


def inputs_of(pipeline: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What the form holds as inputs of a run; an empty optional field is left out.

    Raises:
        ValueError: a required field is empty, or one that must be JSON is not.
    """
    inputs: dict[str, Any] = {}
    for field in pipeline.get("inputs", []):
        name, value = field["name"], raw.get(field["name"])
        if value is None or value == "":
            if field.get("required"):
                raise ValueError(f"{name} needs a value")
            continue
        inputs[name] = _parsed(name, value) if field.get("type") in {"object", "array", "list", "json"} else value
    return inputs


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} must be JSON: {error}") from error
