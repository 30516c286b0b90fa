"""A file of rows, and its columns as inputs of a pipeline (pure)."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from quarterdeck.runner_types import Input

Form = Literal["csv", "jsonl"]

_LONGEST_CELL: Final = 16 << 20
_WORDS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file.

    Args:
        form: What the file is.
        columns: Names in the order of the file.
        rows: Values by name; of CSV as text.
    """

    form: Form
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input comes from: a column, or a value that holds for every row.

    Args:
        column: Name of the column; empty for the value.
        value: The value, as text.
    """

    column: str = ""
    value: str = ""


def read(name: str, content: bytes) -> Table:
    """Read a file.

    Args:
        name: Its name: ``.csv``, or ``.jsonl`` or ``.ndjson``.
        content: Its bytes.

    Raises:
        ValueError: it is neither, and why.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line} is no UTF-8 text: save the file as UTF-8") from None
    table = _csv(text) if name.lower().endswith(".csv") else _jsonl(text)
    if not table.rows:
        raise ValueError("the file has no rows: give at least one")
    return table


def guessed(table: Table, fields: Sequence[Input]) -> dict[str, Source]:
    """A column for each input that is called alike."""
    plain = {_plain(column): column for column in table.columns}
    return {field["name"]: Source(column) for field in fields if (column := plain.get(_plain(field["name"]), ""))}


def missing(fields: Sequence[Input], mapping: Mapping[str, Source]) -> list[str]:
    """Required inputs that no column and no value gives."""
    given = [field["name"] for field in _given(fields, mapping)]
    return [field["name"] for field in fields if field["required"] and field["name"] not in given]


def text_of(table: Table, fields: Sequence[Input], mapping: Mapping[str, Source], most: int | None = None) -> str:
    """The rows with the names of the inputs, in the form of the file.

    Args:
        table: The file.
        fields: Inputs of the pipeline.
        mapping: Where each comes from; inputs that are not in it keep their defaults.
        most: How many rows at most.
    """
    chosen = _given(fields, mapping)
    rows = table.rows[:most]
    if table.form == "jsonl":
        return "".join(json.dumps(_typed(row, chosen, mapping), ensure_ascii=False) + "\n" for row in rows)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([field["name"] for field in chosen])
    for row in rows:
        writer.writerow([_cell(row, mapping[field["name"]]) for field in chosen])
    return written.getvalue()


def inputs_of(table: Table, fields: Sequence[Input], mapping: Mapping[str, Source], number: int) -> dict[str, Any]:
    """The inputs of one row as a run takes them.

    Args:
        table: The file.
        fields: Inputs of the pipeline.
        mapping: Where each comes from.
        number: Which row, counted from 0.
    """
    found = _typed(table.rows[number], _given(fields, mapping), mapping)
    return {name: value for name, value in found.items() if value not in ("", None)}


def typed(text: str, kind: str) -> Any:
    """A text as a value of a type; one that is none stays text, and the runner says so."""
    if kind == "boolean":
        return _WORDS.get(text.strip().lower(), text)
    if kind == "string" or not text.strip():
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _given(fields: Sequence[Input], mapping: Mapping[str, Source]) -> list[Input]:
    """The inputs that some column or value gives."""
    known = {name for name, source in mapping.items() if source.column or source.value}
    return [field for field in fields if field["name"] in known]


def _typed(row: Mapping[str, Any], chosen: Sequence[Input], mapping: Mapping[str, Source]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in chosen:
        source = mapping[field["name"]]
        value = row.get(source.column) if source.column else source.value
        found[field["name"]] = typed(value, field["type"]) if isinstance(value, str) else value
    return found


def _cell(row: Mapping[str, Any], source: Source) -> Any:
    return row.get(source.column, "") if source.column else source.value


def _csv(text: str) -> Table:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is no CSV: {error}") from None
    columns = tuple(reader.fieldnames or ())
    if len(set(columns)) < len(columns) or "" in columns:
        raise ValueError("line 1 must name every column, each with a name of its own")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ValueError(f"row {number - 1} has another number of cells than the first line names")
    return Table("csv", columns, rows)


def _jsonl(text: str) -> Table:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number} is no JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")  # noqa: TRY004 - the file is wrong, not the program
        rows.append(row)
    return Table("jsonl", tuple(dict.fromkeys(name for row in rows for name in row)), rows)


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
