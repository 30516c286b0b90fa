"""The catalogue: every pipeline of the runner, a new one, one from a file of the reader."""

import re
from collections.abc import Sequence
from typing import Final

import streamlit as st

from quarterdeck.runner_types import Pipeline
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.pipelines import draft, editing

_ON_A_PAGE: Final = 20
_MOST_STEPS: Final = 6
_MOST_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"^\s{0,4}name:\s*[\"']?([^\"'#\n]+)", re.MULTILINE)
_TEMPLATE: Final = """\
workflow:
  name: {name}
  description: What it is for, in one line

  inputs:
    topic:
      type: string
      default: tides
      description: What it is about

  steps:
    - name: draft
      type: claude
      prompt: |
        Write three sentences about {{{{ inputs.topic }}}}.
"""


def show() -> None:
    """Draw the catalogue."""
    found = services.current().runner.pipelines()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="catalogue-bar"):
        wanted = st.text_input(
            "Find",
            key="find",
            placeholder="Find a pipeline",
            label_visibility="collapsed",
            width=280,
            bind="query-params",
        )
        if identity.steers():
            _beginnings()
    if not found:
        st.info(
            "The runner has no pipeline yet. Make one here, load a file, or put a YAML file into its pipelines folder: "
            "it appears here at once.",
            icon=":material/lightbulb:",
        )
        return
    fitting = [each for each in found if _fits(each, wanted or "")]
    if not fitting:
        st.caption(f"No pipeline has '{wanted}' in its name, its description or its steps.")
    page = 1
    if len(fitting) > _ON_A_PAGE:
        page = st.pagination(-(-len(fitting) // _ON_A_PAGE), key="catalogue-page")
    for each in fitting[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE]:
        _row(each)


def _beginnings() -> None:
    if st.button("New pipeline", icon=":material/add:", key="new-pipeline"):
        _new()
    if st.button("Load a file", icon=":material/upload_file:", key="load-pipeline"):
        _load()


def chooser(found: Sequence[Pipeline], name: str) -> None:
    """Draw the way back and the choice of another pipeline.

    Args:
        found: The catalogue.
        name: The pipeline that is shown.
    """
    names = sorted({each["name"] for each in found} | set(editing.drafts()) | {name})
    marks = {each["name"]: "" if each["runnable"] else " (cannot run as it is)" for each in found}
    st.session_state["chosen-pipeline"] = name
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chooser"):
        st.button("All pipelines", icon=":material/arrow_back:", type="tertiary", key="all-pipelines", on_click=_leave)
        st.selectbox(
            "Pipeline",
            names,
            key="chosen-pipeline",
            format_func=lambda each: f"{each}{marks.get(each, ' (not saved yet)')}",
            on_change=lambda: _open(st.session_state["chosen-pipeline"], st.query_params.get("tab", "edit")),
            label_visibility="collapsed",
            width=340,
        )


def _fits(pipeline: Pipeline, wanted: str) -> bool:
    words = f"{pipeline['name']} {pipeline['description']} {pipeline['file']} " + " ".join(
        f"{step['name']} {step['model'] or ''}" for step in pipeline["steps"]
    )
    return all(word in words.lower() for word in wanted.lower().split())


def _row(pipeline: Pipeline) -> None:
    name = pipeline["name"]
    with st.container(border=True, key=f"pipeline-{re.sub(r'[^a-z0-9]+', '-', name.lower())}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(name, type="tertiary", key=f"open-{name}", on_click=_open, args=(name, "edit"), help="Open")
            _badge(pipeline)
            st.space("stretch")
            st.caption(f"{pipeline['file']}, version {pipeline['version'] or 'unknown'}", width="content")
            if identity.steers():
                st.button(
                    "Run",
                    icon=":material/play_arrow:",
                    key=f"run-{name}",
                    disabled=not pipeline["runnable"],
                    on_click=_open,
                    args=(name, "run"),
                )
        if pipeline["description"]:
            st.markdown(_plain(pipeline["description"]))
        st.caption(_plain(_steps(pipeline)))


def _badge(pipeline: Pipeline) -> None:
    errors = [each for each in pipeline["diagnostics"] if each["severity"] == "error"]
    if not pipeline["runnable"]:
        st.badge(f"{len(errors) or 1} error{'s' * (len(errors) > 1)}", color="red", icon=":material/error:")
    elif pipeline["kind"] == "python":
        st.badge("Python", color="blue", icon=":material/code:")
    else:
        st.badge("Can run", color="green", icon=":material/check:")


def _steps(pipeline: Pipeline) -> str:
    steps = [f"{step['name']} ({step['model'] or step['type']})" for step in pipeline["steps"]]
    more = f" → {len(steps) - _MOST_STEPS} more" if len(steps) > _MOST_STEPS else ""
    return " → ".join(steps[:_MOST_STEPS]) + more


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+\-!|<>~:$])", r"\\\1", text.replace("\n", " "))


def _open(name: str, tab: str) -> None:
    st.query_params["pipeline"] = name
    st.query_params["tab"] = tab
    st.query_params.pop("batch", None)


def _leave() -> None:
    for name in ("pipeline", "tab", "batch"):
        st.query_params.pop(name, None)


@st.dialog("New pipeline")
def _new() -> None:
    name = st.text_input("Name", key="new-name", placeholder="daily_brief").strip()
    if not st.button("Begin", type="primary", key="new-begin", disabled=not name):
        return
    if name in {each["name"] for each in services.current().runner.pipelines()}:
        st.error(f"There is a pipeline '{name}' already: open it, or choose another name.")
    else:
        _begin(name, _TEMPLATE.format(name=_quoted(name)))


@st.dialog("Load a pipeline file")
def _load() -> None:
    file = st.file_uploader("YAML file", type=["yaml", "yml"], key="load-file", max_upload_size=1)
    if file is None:
        st.caption("Its text goes into the editor; nothing is saved until you save it there.")
        return
    try:
        text = file.getvalue()[: _MOST_BYTES + 1].decode("utf-8-sig")
    except UnicodeDecodeError:
        st.error("The file is no UTF-8 text: save it as UTF-8.")
        return
    found = _NAME.search(text)
    name = found[1].strip() if found else file.name.rpartition(".")[0]
    st.code(text[:2000], language="yaml", wrap_lines=True)
    if st.button(f"Open '{name}' in the editor", type="primary", key="load-begin"):
        _begin(name, text)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z][\w-]*", name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _begin(name: str, text: str) -> None:
    """Open a draft in the editor; over a pipeline of the same name it is a change of that one, not saved yet."""
    if not identity.may_steer():
        return
    known = {each["name"] for each in services.current().runner.pipelines()}
    if name in known:
        found, etag = services.current().runner.pipeline(name)
        before = draft.opened(name, draft.Version(found["source"], etag))
        editing.drafts()[name] = draft.put(before, text)
    else:
        editing.drafts()[name] = draft.created(name, text)
    _open(name, "edit")
    st.rerun()
