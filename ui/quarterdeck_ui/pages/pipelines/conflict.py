"""Two people saved one pipeline: both texts side by side, and the choice."""

from collections.abc import Callable

import streamlit as st

from quarterdeck_ui.pages.pipelines import draft
from quarterdeck_ui.pages.pipelines.draft import Draft


def show(current: Draft, keep: Callable[[Draft], None]) -> None:
    """Draw the banner of a conflict, if there is one.

    Args:
        current: The draft.
        keep: Keeps what becomes of it.
    """
    theirs = current.theirs
    if theirs is None:
        return
    with st.container(border=True, key="conflict"):
        st.error(
            "**Not saved:** somebody else saved this pipeline since you opened it. Nothing has been overwritten.",
            icon=":material/call_split:",
        )
        left, right = st.columns(2)
        with left:
            if current.base == current.saved.etag:
                st.caption("What they changed")
                _difference(current.saved.text, theirs.text, "when you began", "theirs")
            else:  # the draft waited in the browser, and what it began with is gone
                st.caption("Theirs")
                st.code(theirs.text, language="yaml", wrap_lines=True)
        with right:
            st.caption("What saving yours would make of theirs")
            _difference(theirs.text, current.text, "theirs", "yours")
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Go on with mine",
                icon=":material/edit:",
                key="conflict-mine",
                help="Keep your text in the editor; the next save replaces exactly the version shown here.",
                on_click=lambda: keep(draft.over_theirs(current)),
            )
            st.button(
                "Take theirs",
                icon=":material/download:",
                key="conflict-theirs",
                help="Your text leaves the editor: save a copy first if you need it.",
                on_click=lambda: keep(draft.as_theirs(current)),
            )
            st.download_button(
                "Save a copy of mine",
                current.text,
                f"{current.name}.mine.yaml",
                "application/yaml",
                icon=":material/save:",
                key="conflict-copy",
                on_click="ignore",
            )


def _difference(before: str, after: str, *names: str) -> None:
    found = draft.difference(before, after, (names[0], names[1]))
    st.code(found or "(nothing)", language="diff", wrap_lines=True)
