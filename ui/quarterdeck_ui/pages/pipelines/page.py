"""The pipelines of the runner: find one, write it, start it, see its versions, send many inputs through it."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from quarterdeck.runner_types import Pipeline
from quarterdeck_ui import frame, services
from quarterdeck_ui.pages.pipelines import (
    batch_follow,
    batch_start,
    catalogue,
    editing,
    keys,
    starting,
    style,
    versions,
)

_TABS: Final = {
    "edit": "Edit",
    "run": "Run",
    "batch": "Batch",
    "versions": "Versions",
}
_ALL: Final = {"catalogue": "Catalogue", "batches": "Batches", "keys": "Provider keys"}


def show() -> None:
    """Draw the page."""
    name = st.query_params.get("pipeline", "")
    frame.page("pipelines", "Pipelines", "Write, start and compare the pipelines of the runner.")
    style.apply()
    frame.recovering(lambda: _one(name) if name else _all())


def _all() -> None:
    chosen = _tabs(_ALL)
    if chosen == "batches" and (batch := st.query_params.get("batch", "")):
        batch_follow.show(batch)
        return
    draw: Mapping[str, Callable[[], None]] = {"batches": batch_follow.newest, "keys": keys.show}
    draw.get(chosen, catalogue.show)()


def _one(name: str) -> None:
    found = {each["name"]: each for each in services.current().runner.pipelines()}
    pipeline = found.get(name)
    catalogue.chooser(list(found.values()), name)
    if pipeline is None and name not in editing.drafts():
        st.error(f"There is no pipeline '{name}'.", icon=":material/search_off:")
        return
    if pipeline is None:
        editing.show(name)
        return
    if pipeline["description"]:
        st.caption(pipeline["description"])
    _draw(_tabs(_TABS), pipeline)


def _draw(tab: str, pipeline: Pipeline) -> None:
    if tab == "versions":
        versions.show(pipeline["name"])
    elif tab == "edit" and pipeline["kind"] == "python":
        _of_python(pipeline)
    elif tab == "edit":
        editing.show(pipeline["name"])
    elif not pipeline["runnable"]:
        st.error("This pipeline cannot run as it is: mend it in the tab Edit.", icon=":material/error:")
        found = "\n".join(f"{each['line']}: {each['message']}" for each in pipeline["diagnostics"])
        st.code(found, language=None, wrap_lines=True)
    elif tab == "run":
        starting.show(pipeline)
    elif batch := st.query_params.get("batch", ""):
        batch_follow.show(batch)
    else:
        batch_start.show(pipeline)


def _tabs(names: Mapping[str, str]) -> str:
    first = next(iter(names))
    chosen = st.query_params.get("tab", first)
    st.session_state["pipelines-tab"] = chosen if chosen in names else first

    def changed() -> None:
        if (tab := st.session_state["pipelines-tab"]) is None:
            return
        st.query_params["tab"] = tab
        st.query_params.pop("batch", None)

    st.segmented_control(
        "Part of the page",
        list(names),
        key="pipelines-tab",
        format_func=lambda name: names[name],
        on_change=changed,
        label_visibility="collapsed",
    )
    return st.session_state["pipelines-tab"] or first


def _of_python(pipeline: Pipeline) -> None:
    st.info(
        f"'{pipeline['name']}' is a function of the Python module `{pipeline['file']}`: change it there. "
        "Its steps appear with its runs.",
        icon=":material/code:",
    )
    if pipeline["diagnostics"]:
        st.code("\n".join(each["message"] for each in pipeline["diagnostics"]), language=None, wrap_lines=True)
    st.json(pipeline["input_schema"], expanded=2)
