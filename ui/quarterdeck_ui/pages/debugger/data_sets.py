"""Data sets: rows of inputs that a prompt is tried with, saved for everybody."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.saved import SavedError, SavedObject

KIND: Final = "data_set"
_NEW: Final = "New data set"
_MOST_ROWS: Final = 5000
_UNSAFE: Final = re.compile(r"[^\w.-]+")

Row = dict[str, Any]


class FileError(Exception):
    """A file holds no rows; the message says why."""


def show(names: Sequence[str], key: str) -> list[Row]:
    """Draw the choice of a data set with its rows, which can be edited, and give the rows.

    Args:
        names: Inputs that the prompt has: columns of a new data set.
        key: Tells the widgets of one tool from those of another.

    Raises:
        SavedError: The collector does not answer.
    """
    known = {each.id: each for each in services.current().saved.all(KIND)}
    named = st.query_params.get("data", "")
    st.session_state["data-set"] = named if named in known else ""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Test data",
        ["", *known],
        format_func=lambda each: str(known[each].body.get("name", each)) if each else _NEW,
        key="data-set",
        on_change=_choose,
    )
    file = right.file_uploader(
        "CSV or JSON lines", type=["csv", "jsonl"], key=f"file-{key}", label_visibility="collapsed"
    )
    found = known.get(chosen or "")
    rows = _uploaded(file) if file else list(found.body.get("rows", [])) if found else [dict.fromkeys(names, "")]
    columns = list(dict.fromkeys([*names, *(name for row in rows for name in row)])) or ["text"]
    edited = st.data_editor(
        {name: [_cell(row.get(name)) for row in rows] for name in columns},
        num_rows="dynamic",
        hide_index=True,
        key=f"rows-{key}-{chosen}-{file.name if file else ''}-{','.join(columns)}",
    )
    result = rows_of(edited)
    _saving(result, found, key)
    return result


def _choose() -> None:
    if chosen := st.session_state["data-set"]:
        st.query_params["data"] = chosen
    else:
        st.query_params.pop("data", None)


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Turn columns into rows; rows without any value are left out, and so are empty cells."""
    length = max(map(len, columns.values()), default=0)
    rows = [{name: values[n] for name, values in columns.items() if n < len(values)} for n in range(length)]
    filled = [{name: value for name, value in row.items() if value not in (None, "")} for row in rows]
    return [row for row in filled if row]


def read(name: str, content: bytes) -> list[Row]:
    """Read rows from a file.

    Args:
        name: Its name, which ends with ``.csv`` or ``.jsonl``.
        content: UTF-8.

    Raises:
        FileError: It holds something else; the message names the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{name} is not UTF-8: save it so") from error
    rows = list(csv.DictReader(io.StringIO(text))) if name.endswith(".csv") else _lines(name, text)
    if not rows or len(rows) > _MOST_ROWS:
        raise FileError(f"{name} has {len(rows)} rows; there must be 1 to {_MOST_ROWS}")
    if any(None in row for row in rows):
        raise FileError(f"{name} has a row with more values than the first line names")
    return [dict(row) for row in rows]


def _lines(name: str, text: str) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise FileError(f"{name}, line {number}: this is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise FileError(f"{name}, line {number}: this is no object")
        rows.append(row)
    return rows


def _uploaded(file: Any) -> list[Row]:
    try:
        return read(file.name, file.getvalue())
    except FileError as error:
        st.error(str(error), icon=":material/error:")
        return []


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _saving(rows: Sequence[Row], found: SavedObject | None, key: str) -> None:
    if not identity.offers("Saving test data"):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name",
            str(found.body.get("name", "")) if found else "",
            key=f"name-{key}-{found and found.id}",
            placeholder="Name of the data set",
            label_visibility="collapsed",
            width=240,
        )
        if st.button("Save", key=f"save-{key}", disabled=not (name and rows)) and identity.may_steer():
            _save(str(name), rows, found)
        if found and st.button("Delete", key=f"delete-{key}") and identity.may_steer():
            services.current().saved.delete(KIND, found.id, found.version)
            st.query_params.pop("data", None)
            st.rerun()


def _save(name: str, rows: Sequence[Row], found: SavedObject | None) -> None:
    object_id = found.id if found else _UNSAFE.sub("-", name.lower())[:100]
    try:
        services.current().saved.put(KIND, object_id, {"name": name, "rows": list(rows)}, found.version if found else 0)
    except SavedError as error:
        st.error(f"It was not saved: {error}", icon=":material/error:")
        return
    st.query_params["data"] = object_id
    st.toast(f"Saved {len(rows)} rows as {name}.", icon="✅")
    st.rerun()
