"""The tab of SQL: a query, its rows, and what there is to ask for."""

import functools
import re
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import alert_link, queries, services
from quarterdeck_ui.pages.analytics import tables
from quarterdeck_ui.queries import ChartRange, Column, StoreError, Table

_MOST_ROWS: Final = 5000
_EXAMPLE: Final = re.compile(r"^-- example ([^\n]+)\n(.*?)(?=^-- example|\Z)", re.MULTILINE | re.DOTALL)
_SHOWN: Final = (bool, int, float, str, type(None))
_RAN: Final = "sql-ran"


@functools.cache
def examples() -> dict[str, str]:
    """Queries to begin with, by title."""
    text = Path(__file__).with_name("examples.sql").read_text("utf-8")
    return {title: query.strip() for title, query in _EXAMPLE.findall(text)}


def show(_asked: ChartRange) -> None:
    """Draw the tab."""
    st.caption(
        "ClickHouse SQL over all that is stored, whatever the range above: one statement that reads, at most "
        f"{_MOST_ROWS:,} rows and 20 seconds. The address holds the query, so that it can be shared."
    )
    st.selectbox(
        "Begin with an example",
        list(examples()),
        index=None,
        key="sql-example",
        on_change=_take,
        placeholder="Choose an example",
        width=420,
    )
    with st.form("sql-form", border=False):
        text = st.text_area("Query", key="sql", bind="query-params", height=220, placeholder="SELECT …")
        if st.form_submit_button("Run", key="sql-go", type="primary", icon=":material/play_arrow:") and text.strip():
            st.session_state[_RAN] = text
    if (ran := st.session_state.get(_RAN)) and ran == text:
        _answer(ran)
    with st.expander("Tables and columns", icon=":material/table:"):
        _known()


def _take() -> None:
    if chosen := st.session_state["sql-example"]:
        st.session_state["sql"] = examples()[chosen]


def _answer(text: str) -> None:
    try:
        with st.spinner("Asking ClickHouse …"):
            found = _read(text)
    except StoreError as error:
        st.error("**ClickHouse does not take this query.**", icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
        return
    more = f", the first {_MOST_ROWS:,} of more" if found.cut else ""
    rows = "1 row" if len(found.rows) == 1 else f"{len(found.rows):,} rows"
    st.caption(f"{rows} in {found.seconds:.2f} s{more}")
    tables.table("query", rows_of(found), {}, "The query gave no rows.")
    if _is_number(found):
        alert_link.button(alert_link.watching_sql(text), "alert-query")


@st.cache_data(ttl=60, max_entries=20, show_spinner=False)
def _read(text: str) -> Table:
    return services.current().store.read(text, _MOST_ROWS)


def rows_of(found: Table) -> list[dict[str, Any]]:
    """Rows by heading, one for each of equal headings; what is neither text nor number is shown as text."""
    names: list[str] = []
    for name in found.columns:
        twins = sum(1 for each in names if each == name or each.startswith(f"{name} ("))
        names.append(f"{name} ({twins + 1})" if twins else name)
    return [dict(zip(names, map(_shown, row), strict=True)) for row in found.rows]


def _is_number(found: Table) -> bool:
    """Whether a rule could watch it: the first value of the first row counts."""
    first = found.rows[0][0] if found.rows else None
    return isinstance(first, int | float | Decimal) and not isinstance(first, bool)


def _shown(value: Any) -> Any:
    return value if isinstance(value, _SHOWN) else str(value)


def _known() -> None:
    for table, columns in groupby(_columns(), key=lambda each: each.table):
        st.markdown(f"**{table}**")
        st.code("\n".join(f"{each.name}  {each.type}" for each in columns), language=None, height=160)


@st.cache_data(ttl=600, max_entries=2, show_spinner=False)
def _columns() -> list[Column]:
    return queries.columns(services.current().store)
