"""A table of numbers whose rows lead to their runs, and its CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

RUNS: Final = "behind"
"""The column that holds an address."""

Row = Mapping[str, Any]

COST: Final = st.column_config.NumberColumn(format="$%.2f")
SHARE: Final = st.column_config.NumberColumn(format="percent")
COUNT: Final = st.column_config.NumberColumn(format="localized")
SECONDS: Final = st.column_config.NumberColumn(format="%.2f s")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def table(name: str, rows: Sequence[Row], columns: Mapping[str, Any], empty: str = "Nothing in this range.") -> None:
    """Draw a table and a button that saves it.

    Args:
        name: Of the file, without its ending; also tells tables of a page apart.
        rows: Values by heading; :data:`RUNS` holds the address of the runs behind a row.
        columns: How columns are shown, by heading.
        empty: What is said of no rows.
    """
    if not rows:
        st.caption(empty)
        return
    link = st.column_config.LinkColumn("", display_text=":material/open_in_new:", width=40, help="The runs behind it")
    shown = {RUNS: link, **columns} if RUNS in rows[0] else dict(columns)
    st.dataframe(list(rows), hide_index=True, column_config=shown, key=f"table-{name}")
    save(name, rows)


def save(name: str, rows: Sequence[Row]) -> None:
    """Draw a button that saves rows as CSV."""
    st.download_button(
        "CSV",
        data=lambda: as_csv(rows),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"csv-{name}",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV; no value can be taken for a formula of a spreadsheet."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row if name != RUNS))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_safe(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
