"""Read the inputs of a batch from CSV, JSON lines or a list; whatever does not fit is named by its line."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.inputs import check, problem
from quarterdeck_runner.spec import InputSpec

Format = Literal["csv", "jsonl", "list"]

MAX_ROWS: Final = 100_000
_FIELD_CHARACTERS: Final = 16 << 20
_SHOWN: Final = 60
_WORDS: Final = {"true": True, "false": False}


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        line: where it begins, counted from 1; in a list, its place.
        inputs: values by name.
    """

    line: int
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with a row.

    Args:
        line: where the row begins, counted from 1; in a list, its place.
        input: the column or name; empty where it is the whole row.
        message: what is wrong, and what was expected.
    """

    line: int
    input: str
    message: str


def read(
    content: str | Sequence[Any], form: Format, specs: tuple[InputSpec, ...], shared: Mapping[str, Any] | None = None
) -> tuple[list[Row], list[RowProblem]]:
    """Read and check rows.

    Args:
        content: the text, or for ``list`` the values.
        form: what it is.
        specs: the inputs that a row may give.
        shared: inputs that hold for every row that does not give them itself.

    Returns:
        The complete rows, and everything that does not fit.
    """
    rows, problems = raw(content, form, specs)
    if unfitting := unfit(shared or {}):
        problems.append(RowProblem(0, "inputs", unfitting))
    checked: list[Row] = []
    for row in rows:
        # An empty cell is no value: the default holds.
        given = {name: value for name, value in row.inputs.items() if value is not None}
        values, wrong = check(specs, {**(shared or {}), **given})
        problems += [RowProblem(row.line, each.input, each.message) for each in wrong]
        checked.append(Row(row.line, values))
    if not rows and not problems:
        problems.append(RowProblem(1, "", "there are no rows: give at least one"))
    return checked, sorted(problems, key=lambda each: each.line)


def raw(
    content: str | Sequence[Any], form: Format, specs: tuple[InputSpec, ...] | None
) -> tuple[list[Row], list[RowProblem]]:
    """Read rows without asking whether their inputs are the ones that are needed.

    Args:
        content: the text, or for ``list`` the values.
        form: what it is.
        specs: types to read the cells of CSV by; ``None`` to leave all as text.
    """
    rows: list[Row] = []
    problems: list[RowProblem] = []
    reader = _csv(str(content), specs) if form == "csv" else _objects(content)
    for found in reader:
        if len(rows) == MAX_ROWS:
            problems.append(RowProblem(0, "", f"there are more than {MAX_ROWS} rows: make several batches of them"))
            break
        if isinstance(found, RowProblem):
            problems.append(found)
        elif wrong := unfit(found.inputs):
            problems.append(RowProblem(found.line, "", wrong))
        else:
            rows.append(found)
    return rows, problems


def unfit(value: Any) -> str:
    """Say why a value cannot be kept and sent as JSON in UTF-8; an empty text if it can."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate): it is no Unicode text"
    except (ValueError, RecursionError):
        return "holds a number that JSON does not know (NaN or infinity), or is nested too deep"
    return ""


def _objects(content: str | Sequence[Any]) -> Iterator[Row | RowProblem]:
    """JSON lines, or a list of objects."""
    given = content.removeprefix("\ufeff").split("\n") if isinstance(content, str) else content
    for line, each in enumerate(given, 1):
        value = each
        if isinstance(content, str):
            if not each.strip():
                continue
            try:
                value = json.loads(each)
            except (ValueError, RecursionError) as error:
                yield RowProblem(line, "", f"is no JSON ({error}): it must be an object such as {_EXAMPLE}")
                continue
        if isinstance(value, dict):
            yield Row(line, value)
        else:
            yield RowProblem(line, "", f"must be an object such as {_EXAMPLE}, not {_short(value)}")


_EXAMPLE: Final = '{"topic": "tides"}'


def _csv(text: str, specs: tuple[InputSpec, ...] | None) -> Iterator[Row | RowProblem]:
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in head), ",")
    csv.field_size_limit(_FIELD_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        problems = list(_header(header, specs))
        yield from problems
        if problems:
            return
        kinds = {spec.name: spec.type for spec in specs or ()}
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if cells:
                yield from _row(line, header, cells, kinds)
    except csv.Error as error:
        yield RowProblem(line, "", f"this is no CSV: {error}")


def _header(header: list[str], specs: tuple[InputSpec, ...] | None) -> Iterator[RowProblem]:
    names = [spec.name for spec in specs] if specs is not None else header
    expected = f"the first line must name the columns: {', '.join(names)}"
    if not any(header):
        yield RowProblem(1, "", expected if names else "the first line must name the columns")
        return
    for number, name in enumerate(header, 1):
        if not name:
            yield RowProblem(1, "", f"column {number} has no name")
        elif name in header[: number - 1]:
            yield RowProblem(1, name, f"two columns are called '{name}'")
        elif name not in names:
            yield RowProblem(1, name, f"the pipeline has no input '{name}'{nearest(name, names)}; {expected}")


def _row(line: int, header: list[str], cells: list[str], kinds: Mapping[str, str]) -> Iterator[Row | RowProblem]:
    if len(cells) != len(header):
        yield RowProblem(line, "", f"has {len(cells)} cells, but there are {len(header)} columns: {', '.join(header)}")
        return
    values: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        kind = kinds.get(name, "string")
        value = _value(cell, kind)
        if cell and value is not None and kind != "string" and problem(kind, value):
            yield RowProblem(line, name, f"must be of type {kind}, not {_short(cell)}")
            return
        values[name] = value
    yield Row(line, values)


def _value(cell: str, kind: str) -> Any:
    """The value of a cell; a text that is not of the kind stays a text, an empty one is no value."""
    if not cell:
        return None
    if kind == "string":
        return cell
    if kind == "boolean":
        return _WORDS.get(cell.strip().lower(), cell)
    try:
        return json.loads(cell, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return cell


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
