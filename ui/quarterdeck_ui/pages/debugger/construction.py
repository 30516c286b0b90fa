"""How a prompt was put together, part by part, and with other values of its variables."""

import functools
import zlib
from collections.abc import Sequence
from typing import Any

import streamlit as st

from quarterdeck_ui import assets
from quarterdeck_ui.pages.debugger.conversation import Conversation, Part

_SHORT = 80
"""Characters that fit on one line of a form."""


@functools.cache
def _component() -> Any:
    return assets.component("prompt_parts")


def show(asked: Conversation, key: str) -> Conversation:
    """Draw the construction and the variables, and give the conversation with their present values.

    Args:
        asked: What was asked.
        key: Tells the widgets of one call from those of another.
    """
    st.subheader("Construction", anchor=False)
    if asked.left_out:
        st.caption(f"Not shown, and not sent again: {', '.join(asked.left_out)}.")
    steps = st.container()
    edited = asked.filled(_variables(asked, key))
    system = edited.system
    if asked.system or st.toggle("Add a system prompt", key=f"with-system-{key}"):
        system = st.text_area("System prompt", asked.system, key=f"system-{key}", height=110)
    for role, text in asked.before:
        with st.expander(f"{role.capitalize()}: {text[:_SHORT]}", icon=":material/forum:"):
            st.text(text)
    if st.toggle("Write the question freely", key=free_key(key), help="What you write replaces the parts."):
        written = question_key(key, edited.question)
        st.session_state.setdefault(written, edited.question)
        edited = edited.asking(st.text_area("Question", key=written, height=240))
    with steps:
        stepped(edited.parts, key)
    return Conversation(system, edited.before, edited.parts, edited.left_out)


def free_key(key: str) -> str:
    """Name of the switch that lets the question be written freely."""
    return f"free-{key}"


def question_key(key: str, question: str) -> str:
    """Name of the field for what is written in place of a question; another question has another field."""
    return f"question-{key}-{zlib.crc32(question.encode())}"


def stepped(parts: Sequence[Part], key: str) -> None:
    """Draw a prompt that can be put together step by step.

    Args:
        parts: Its parts in order.
        key: Tells the widgets of one prompt from those of another.
    """
    count = len(parts)
    upto = count
    if count > 1:
        upto = st.slider(
            "Parts of the question",
            1,
            count,
            count,
            key=f"upto-{key}-{count}",
            help="Move it to see the question grow.",
        )
        newest = parts[upto - 1]
        said = newest.kind.replace("_", " ") + (f" · `{newest.source}`" if newest.source else "")
        length = sum(len(part.text) for part in parts[:upto])
        st.caption(f"Part {upto} of {count}: {said}, {len(newest.text):,} characters; {length:,} so far")
    data = [{"kind": part.kind, "source": part.source, "text": part.text} for part in parts]
    _component()(key=f"parts-{key}", data={"parts": data, "upto": upto})


def _variables(asked: Conversation, key: str) -> dict[str, str]:
    known = asked.variables
    if not known:
        return {}
    values: dict[str, str] = {}
    with st.expander(f"Variables ({len(known)})", expanded=True, icon=":material/data_object:"):
        for source, text in known.items():
            draw = st.text_area if len(text) > _SHORT or "\n" in text else st.text_input
            values[source] = draw(source or "unnamed", text, key=f"variable-{key}-{source}") or ""
    return values
