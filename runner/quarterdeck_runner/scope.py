"""What the templates and conditions of a run can see."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck_runner.expressions import ExpressionError, Segment
from quarterdeck_runner.references import STATE_ROOTS
from quarterdeck_runner.spec import Pipeline

Record = dict[str, Any]
"""What a finished step leaves behind, as JSON: ``text``, ``success``, and by type ``data``, ``model``, ``usage``,
``results``, ``variables``, ``skipped``, ``error``."""

_TEXT_WORDS: Final = ("text", "content", "response", "output", "result")
_FENCED: Final = re.compile(r"```(?:json|JSON)?\s*\n(.*?)```", re.DOTALL)


class Scope:
    """Values of one run.

    Args:
        pipeline: what runs.
        run_id: id of the run.
        created_ns: when it was asked for, nanoseconds since the epoch.
        inputs: its inputs, complete.
    """

    def __init__(self, pipeline: Pipeline, run_id: str, created_ns: int, inputs: Mapping[str, Any]) -> None:
        self.records: dict[str, Record] = {}
        self._inputs = dict(inputs)
        self._state = dict(pipeline.variables)
        self._workflow = {"name": pipeline.name, "version": pipeline.version, "description": pipeline.description}
        # Taken from the run, not from the clock: a continued run must see the same.
        created = datetime.fromtimestamp(created_ns / 1e9, UTC)
        self._words = {
            "timestamp": created.isoformat(timespec="seconds"),
            "date": created.date().isoformat(),
            "execution_id": run_id,
        }

    def finished(self, name: str, record: Record) -> None:
        """Take in what a step left behind."""
        self.records[name] = record
        self._state.update(record.get("variables") or {})

    def lookup(self, path: tuple[Segment, ...]) -> Any:  # noqa: PLR0911 - one return for each root
        """Give the value of a path.

        Raises:
            ExpressionError: nothing has this name.
        """
        root, rest = str(path[0]), path[1:]
        if root == "steps" and rest:
            return self._step(str(rest[0]), rest[1:])
        if root == "inputs" and rest:
            return walk(self._inputs, rest)
        if root in STATE_ROOTS and rest:
            return walk(self._state, rest)
        if root == "workflow" and rest:
            return walk(self._workflow, rest)
        if root in self._state:
            return walk(self._state, path)
        if root in self.records:
            return self._step(root, rest)
        if root in self._inputs:
            return walk(self._inputs, path)
        return walk(self._words, path)

    def _step(self, name: str, path: tuple[Segment, ...]) -> Any:
        if name not in self.records:
            raise ExpressionError(f"the step '{name}' has no result")
        try:
            return extract(self.records[name], path)
        except ExpressionError as error:
            raise ExpressionError(f"the result of step '{name}' has no '{'.'.join(map(str, path))}'") from error


def extract(record: Record, path: tuple[Segment, ...]) -> Any:
    """Give a value out of a step's result: from its record, its data, the JSON in its text, or a branch of it.

    Args:
        record: what the step left behind.
        path: where; empty for the whole: the text, or the data of a step that made data.

    Raises:
        ExpressionError: there is no such value.
    """
    if not path:
        return record["data"] if record.get("data") is not None else record.get("text", "")
    parsed = parsed_json(str(record.get("text", "")))
    for base in (record, record.get("data"), parsed):
        try:
            return walk(base, path)
        except ExpressionError:
            continue
    if path[0] in _TEXT_WORDS:
        return extract(record, path[1:])
    results = record.get("results") or {}
    if path[0] in results:
        return extract(results[path[0]], path[1:])
    raise ExpressionError(f"there is no '{'.'.join(map(str, path))}'")


def walk(value: Any, path: tuple[Segment, ...]) -> Any:
    """Follow a path into maps and lists.

    Raises:
        ExpressionError: it leads nowhere.
    """
    for segment in path:
        if isinstance(value, dict) and (segment in value or str(segment) in value):
            value = value[segment] if segment in value else value[str(segment)]
        elif isinstance(value, list) and isinstance(segment, int) and segment < len(value):
            value = value[segment]
        else:
            raise ExpressionError(f"nothing is called '{'.'.join(map(str, path))}'")
    return value


def parsed_json(text: str) -> Any:
    """The JSON object or list that a model wrote, with or without a fence; ``None`` if there is none."""
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            found = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(found, (dict, list)):
            return found
    return None
