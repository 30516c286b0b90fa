"""The page of errors: groups by cause, or one of them."""

import functools
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from quarterdeck_ui import filter_bar, frame, services
from quarterdeck_ui.pages.errors import detail
from quarterdeck_ui.pages.errors.listing import table
from quarterdeck_ui.pages.errors.states import State, resolutions, state_of
from quarterdeck_ui.pages.errors.words import CATEGORIES
from quarterdeck_ui.queries import ErrorGroup, ErrorScope, error_groups, error_of_run
from quarterdeck_ui.scope import Scope

_ABOUT: Final = (
    "Failures by cause, each counted once, with what to change. A run that completed with nothing counts too."
)
_KEPT: Final = ("range", "from", "to", "env", "service", "show", "category")
_SHOWN: Final = {"open": "Unresolved", "resolved": "Resolved", "all": "All"}
_MOST: Final = 100


@functools.cache
def _css() -> str:
    return f"<style>{(Path(__file__).parent / 'errors.css').read_text('utf-8')}</style>"


def show() -> None:
    """Draw the page."""
    frame.page("errors", "Errors", _ABOUT)
    st.html(_css())
    frame.recovering(_body)


def _body() -> None:
    query = st.query_params
    if query.get("run") and not query.get("group"):
        group, span = error_of_run(services.current().store, query["run"], query.get("span", ""))
        if not group:
            st.info("This run has no error that is known here: its spans may still be on their way, or have expired.")
            return
        query.from_dict({**kept(), "view": "errors", "group": group, "span": span})
    if group := query.get("group", ""):
        detail.show(group, query.get("span", ""), kept())
    else:
        _list()


def kept() -> dict[str, str]:
    """What of the address stays from one group to the next."""
    return {name: st.query_params[name] for name in _KEPT if name in st.query_params}


def asked(scope: Scope, now_ns: int, group: str = "") -> ErrorScope:
    """The errors that the filter bar asks for."""
    since, until = scope.bounds(now_ns)
    return ErrorScope(since, until or now_ns, scope.environment, scope.service, group)


def _list() -> None:
    now = time.time_ns()
    scope = filter_bar.filter_bar("7d")
    found = error_groups(services.current().store, asked(scope, now), _MOST)
    known = resolutions(services.current().saved)
    rows = [(group, state_of(group, known.get(group.id), now)) for group in found]
    if not rows:
        st.success(
            "**No errors** in this range. When a call, a step or a run fails, its cause appears here with what to do.",
            icon=":material/check_circle:",
        )
        return
    wanted = _choices(rows)
    if wanted:
        st.html(table(wanted, now, kept()))
    else:
        st.info("No error of this range is in that state and category.", icon=":material/filter_list:")
    if len(found) == _MOST:
        st.caption(f"The {_MOST} groups with the newest errors; choose a shorter range to see others.")


def _choices(rows: Sequence[tuple[ErrorGroup, State]]) -> list[tuple[ErrorGroup, State]]:
    """Let the reader choose states and a category, and give what fits."""
    query = st.query_params
    state = query.get("show", "open") if query.get("show") in _SHOWN else "open"
    counts = Counter(group.category for group, each in rows if _fits(each, state))
    names = [name for name in CATEGORIES if counts[name]]
    category = query.get("category") if query.get("category") in names else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="error-choices"):
        # In the address stand the names, not the words with their counts, which change.
        st.session_state["error-state"], st.session_state["error-category"] = state, category
        st.segmented_control(
            "State", list(_SHOWN), required=True, key="error-state", on_change=_remember, args=("error-state", "show"),
            format_func=lambda name: f"{_SHOWN[name]} {sum(_fits(each, name) for _, each in rows)}",
            label_visibility="collapsed",
        )  # fmt: skip
        st.pills(
            "Category", names, key="error-category", on_change=_remember, args=("error-category", "category"),
            format_func=lambda name: f":material/{CATEGORIES[name].icon}: {CATEGORIES[name].word} {counts[name]}",
            label_visibility="collapsed",
        )  # fmt: skip
    return [row for row in rows if _fits(row[1], state) and category in {None, row[0].category}]


def _remember(key: str, name: str) -> None:
    if value := st.session_state[key]:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _fits(state: State, wanted: str) -> bool:
    return wanted == "all" or (state == "resolved") == (wanted == "resolved")
