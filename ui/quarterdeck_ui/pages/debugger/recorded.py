"""A recorded call: how its prompt was put together, with other values, and sent again."""

from urllib.parse import urlencode

import streamlit as st

from quarterdeck_ui import services, span_view
from quarterdeck_ui.pages.debugger import choosing, construction, sending
from quarterdeck_ui.pages.debugger.conversation import recorded
from quarterdeck_ui.queries import CallRow, call_by_id, span_payload
from quarterdeck_ui.span_view import SpanView


def show() -> None:
    """Draw the tool: a list of calls, or the call that the address names."""
    run, span = st.query_params.get("run", ""), st.query_params.get("span", "")
    if not (run and span):
        choosing.show()
        return
    payload = span_payload(services.current().store, run, span)
    if payload is None:
        st.info("That run has no such call, or its payload is not kept any more.", icon=":material/search_off:")
        choosing.show()
        return
    view = span_view.from_payload(span, payload)
    row = call_by_id(services.current().store, run, span)
    _head(run, span, view, row)
    asked = recorded(view)
    if not asked.question and not asked.system:
        st.info(
            "The prompt of this call was not recorded: its capture is `off` or `hash`. "
            "Set `QUARTERDECK_CAPTURE=full` where the pipeline runs.",
            icon=":material/visibility_off:",
        )
        return
    left, right = st.columns([11, 9], gap="medium")
    with left:
        edited = construction.show(asked, key=span)
    with right:
        sending.show(edited, asked, view, row)


def _head(run: str, span: str, view: SpanView, row: CallRow | None) -> None:
    where = f"**{row.pipeline or 'no pipeline'}** / {row.step or 'no step'} · `{row.model}`" if row else f"`{span}`"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(where, width="content")
        if view.error:
            st.badge(view.error[:80], icon=":material/error:", color="red")
        st.space("stretch")
        st.link_button("Open in the deck", f"/?run={run}&span={span}", icon=":material/open_in_new:")
        if row and row.step:
            _of_the_step(run, row)
        if st.button("Another call", icon=":material/list:"):
            for name in ("run", "span"):
                st.query_params.pop(name, None)
            st.rerun()


def _of_the_step(run: str, row: CallRow) -> None:
    """Ways from a call to what can be done about its step."""
    st.link_button(
        "Suggestions",
        "/?" + urlencode({"view": "debugger", "tool": "advice", "pipeline": row.pipeline, "step": row.step}),
        icon=":material/lightbulb:",
        help="What would make this step cheaper or better.",
    )
    st.link_button(
        "Replay from here",
        "/?" + urlencode({"view": "debugger", "tool": "replay", "run": run, "step": row.step}),
        icon=":material/replay:",
        help="The run again from this step on, with the answers of the earlier ones.",
    )
