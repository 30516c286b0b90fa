"""The tab in which a pipeline file is written: editor, saving, layout, differences."""

import functools
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import Pipeline
from quarterdeck_ui import assets, services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.pipelines import conflict, draft
from quarterdeck_ui.pages.pipelines.draft import Draft, Version

_DRAFTS: Final = "pipeline-drafts"
_KEY: Final = "editor"
_MOVED: Final = "editor-moved"
_SAVED: Final = "editor-saved"
_CONFLICT: Final = 412


@functools.cache
def _component() -> Any:
    return assets.component("editor")


def drafts() -> dict[str, Draft]:
    """Drafts of this session by the name of their pipeline."""
    found: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    return found


def show(name: str) -> None:
    """Draw the tab.

    Args:
        name: Name of the pipeline.

    Raises:
        RunnerError: The runner is away, or there is no such pipeline.
    """
    if name not in drafts():
        found, etag = services.current().runner.pipeline(name)
        drafts()[name] = draft.opened(name, Version(found["source"], etag))
    _editor(name)


@st.fragment
def _editor(name: str) -> None:
    if st.session_state.pop(_MOVED, False):
        st.rerun()  # the whole page: the catalogue has changed, perhaps the name
    if said := st.session_state.pop(_SAVED, ""):
        st.toast(said, icon=":material/check:", duration="long")
    current = drafts()[name]
    found, problem = _validated(current.text)
    if problem:
        st.warning(f"Not checked now: {problem}", icon=":material/cloud_off:")
    conflict.show(current, _keep)
    if not identity.steers():
        _reading(current, found)
        return
    _bar(current, found)
    if message := st.session_state.pop("editor-said", ""):
        st.error(message, icon=":material/error:")
    _component()(
        key=f"{_KEY}-{name}",
        data={
            "name": name,
            "text": current.text,
            "saved": current.saved.text,
            "etag": current.base,
            "rev": current.rev,
            "markers": found["diagnostics"] if found else [],
            "names": _names(found),
            "label": f"Text of the pipeline {name}",
        },
        on_doc_change=lambda: _typed(name),
        on_save_change=lambda: _save(name, from_editor=True),
    )
    if current.is_changed and not current.is_new:
        with st.expander("Changes to the saved version"):
            st.code(draft.difference(current.saved.text, current.text), language="diff", wrap_lines=True)


def _reading(current: Draft, found: Pipeline | None) -> None:
    """Show the saved text to whoever may look only."""
    st.caption(":material/visibility: For reading: changing a pipeline takes the role operator.")
    for each in found["diagnostics"] if found else ():
        st.warning(f"Line {each['line']}: {each['message']}", icon=":material/warning:")
    st.code(current.saved.text, language="yaml", line_numbers=True, wrap_lines=True)


def _bar(current: Draft, found: Pipeline | None) -> None:
    errors = sum(each["severity"] == "error" for each in found["diagnostics"]) if found else 0
    warnings = len(found["diagnostics"]) - errors if found else 0
    target = _target(current, found)
    label = f"Save as {target}" if target != current.name else "Save with errors" if errors else "Save"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="editor-bar"):
        st.button(
            label,
            type="primary",
            icon=":material/save:",
            key="editor-save",
            disabled=not current.is_changed,
            on_click=_save,
            args=(current.name,),
        )
        st.button(
            "Format", icon=":material/format_align_left:", key="editor-format", on_click=_format, args=(current.name,)
        )
        st.button(
            "Discard changes",
            icon=":material/undo:",
            key="editor-discard",
            disabled=not current.is_changed or current.is_new,
            on_click=lambda: _keep(draft.put(current, current.saved.text)),
        )
        if errors:
            st.badge(f"{errors} error{'s' * (errors > 1)}", color="red", icon=":material/error:")
        elif found:
            st.badge("Can run", color="green", icon=":material/check:")
        if warnings:
            st.badge(f"{warnings} warning{'s' * (warnings > 1)}", color="orange", icon=":material/warning:")


def _validated(text: str) -> tuple[Pipeline | None, str]:
    """What the runner says of a text, asked once for each; and why it said nothing."""
    known = st.session_state.get("editor-checked")
    if known and known[0] == text:
        return known[1], ""
    try:
        found = services.current().runner.validate(text)
    except RunnerError as error:
        return None, str(error)
    st.session_state["editor-checked"] = (text, found)
    return found, ""


def _names(found: Pipeline | None) -> dict[str, list[str]]:
    if found is None:
        return {"inputs": [], "steps": [], "env": []}
    return {
        "inputs": [each["name"] for each in found["inputs"]],
        "steps": [each["name"] for each in found["steps"]],
        "env": list(found["env"]),
    }


def _target(current: Draft, found: Pipeline | None) -> str:
    """The name under which the text is saved: the one that it says."""
    return found["name"] if found and found["steps"] else current.name


def _keep(changed: Draft) -> None:
    drafts()[changed.name] = changed


def _typed(name: str) -> None:
    _keep(draft.typed(drafts()[name], st.session_state[f"{_KEY}-{name}"].doc))


def _format(name: str) -> None:
    current = drafts()[name]
    try:
        _keep(draft.put(current, services.current().runner.format(current.text)))
    except RunnerError as error:
        st.session_state["editor-said"] = f"The text was not laid out: {error}"


def _save(name: str, *, from_editor: bool = False) -> None:
    if not identity.may_steer():
        return
    current = drafts()[name]
    if from_editor:
        current = draft.typed(current, st.session_state[f"{_KEY}-{name}"].save)
        _keep(current)
    if not current.is_changed:
        return
    found, _ = _validated(current.text)
    target = _target(current, found)
    runner = services.current().runner
    etag = current.base if target == name else ""
    try:
        written, tag = runner.save(target, current.text, etag, draft=found is not None and not found["runnable"])
    except RunnerError as error:
        _refused(current, target, error)
        return
    del drafts()[name]
    _keep(draft.saved(current, Version(written["source"], tag), target))
    if target != name:
        st.query_params["pipeline"] = target
    st.session_state.update({_MOVED: True, _SAVED: f"Saved {written['file']}."})


def _refused(current: Draft, target: str, error: RunnerError) -> None:
    if error.status != _CONFLICT:
        st.session_state["editor-said"] = f"Not saved: {error}"
        return
    if target != current.name or current.is_new:
        st.session_state["editor-said"] = (
            f"Not saved: there is a pipeline '{target}' already. Choose another name in the text."
        )
        return
    try:
        found, etag = services.current().runner.pipeline(target)
    except RunnerError as gone:
        st.session_state["editor-said"] = f"Not saved: {gone}"
        _keep(replace(current, saved=Version("", ""), base=""))
        return
    _keep(draft.conflicting(current, Version(found["source"], etag)))
