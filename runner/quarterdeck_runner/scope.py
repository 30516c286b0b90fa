"""What the templates and conditions of a run can see."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck_runner import environment
from quarterdeck_runner.expressions import ExpressionError, Segment
from quarterdeck_runner.references import STATE_ROOTS
from quarterdeck_runner.spec import Pipeline

Record = dict[str, Any]
"""What a finished step leaves behind, as JSON: ``text``, ``success``, and by type ``data``, ``model``, ``usage``,
``results``, ``variables``, ``skipped``, ``error``."""

_TEXT_WORDS: Final = ("text", "content", "response", "output", "result")
_BRANCH_WORDS: Final = ("individual_results", "results")
_FENCED: Final = re.compile(r"```(?:json|JSON)?\s*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Loop:
    """What an iteration knows of itself.

    Args:
        values: ``index``, ``item`` and so on.
        name: what the item is called; empty for a loop without items.
        parent: the loop around it.
        variables: those that end with the iteration.
    """

    values: Mapping[str, Any]
    name: str = ""
    parent: "Loop | None" = None
    variables: dict[str, Any] = field(default_factory=dict)

    def frame(self) -> dict[str, Any]:
        """What ``loop.…`` gives."""
        own = {self.name: self.values["item"]} if self.name else {}
        return {**self.values, **own, "parent": self.parent.frame() if self.parent is not None else {}}

    def named(self) -> dict[str, Any]:
        """What has a name without ``loop.``: items of this loop and those around it, and variables."""
        outer = self.parent.named() if self.parent is not None else {}
        own = {self.name: self.values["item"]} if self.name else {}
        return {**outer, **own, **self.variables}


class Scope:
    """Values of one run, or of one iteration of a loop in it.

    Args:
        pipeline: what runs.
        run_id: id of the run.
        created_ns: when it was asked for, nanoseconds since the epoch.
        inputs: its inputs, complete.
        env: what the run sets of the pipeline's environment.
        outer: values that are seen too, of the pipeline around a nested one.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        run_id: str,
        created_ns: int,
        inputs: Mapping[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        outer: "Scope | None" = None,
    ) -> None:
        self.records: dict[str, Record] = {}
        self.exchanges: list[dict[str, str]] = []
        self.run_id, self.created_ns, self.given_env = run_id, created_ns, dict(env or {})
        self.continued = pipeline.continued
        self._inputs = dict(inputs)
        self.state = dict(pipeline.variables)
        self._workflow = {"name": pipeline.name, "version": pipeline.version, "description": pipeline.description}
        self.env: Mapping[str, str] = environment.values(pipeline.env, self.given_env)
        self._outer = outer
        self.loop: Loop | None = None
        # Taken from the run, not from the clock: a continued run must see the same.
        created = datetime.fromtimestamp(created_ns / 1e9, UTC)
        self.words: dict[str, Any] = {
            "timestamp": created.isoformat(timespec="seconds"),
            "date": created.date().isoformat(),
            "execution_id": run_id,
            "now": created.timestamp(),
        }

    def finished(self, name: str, record: Record) -> None:
        """Take in what a step left behind."""
        self.records[name] = record
        self.exchanges += record.get("exchanges") or []
        self.words["now"] = max(self.words["now"], record.get("at", 0))
        target = self.loop.variables if record.get("loop_variables") and self.loop is not None else self.state
        target.update(record.get("variables") or {})

    def fork(self, loop: Loop | None = None) -> "Scope":
        """The same values, apart from now on; inside an iteration if there is a ``loop``."""
        inner = copy.copy(self)
        inner.records, inner.exchanges = dict(self.records), list(self.exchanges)
        inner.state, inner.words = dict(self.state), dict(self.words)
        if loop is not None:
            inner.loop = replace(loop, parent=self.loop)
        return inner

    def changes(self, base: "Scope") -> Record:
        """What happened here since this was forked from ``base``, as a record that tells others."""
        changed = {
            name: value for name, value in self.state.items() if name not in base.state or base.state[name] != value
        }
        return {
            "variables": changed,
            "exchanges": self.exchanges[len(base.exchanges) :],
            "at": self.words["now"],
        }

    def with_env(self, env: Mapping[str, str]) -> "Scope":
        """These values, with variables of a step's own environment."""
        if not env:
            return self
        inner = copy.copy(self)
        inner.env = {**self.env, **{name: self.given_env.get(name, value) for name, value in env.items()}}
        return inner

    def session(self, name: str, last: int | None = None) -> list[dict[str, str]]:
        """The exchanges of a session, oldest first.

        Args:
            name: name of the session, or of a step.
            last: how many at most; ``None`` for all.
        """
        found = [each for each in self.exchanges if each["session"] == name]
        return found if last is None else found[-last:]

    def lookup(self, path: tuple[Segment, ...]) -> Any:
        """Give the value of a path.

        Raises:
            ExpressionError: nothing has this name.
        """
        try:
            return self._own(path)
        except ExpressionError:
            if self._outer is None:
                raise
            return self._outer.lookup(path)

    def _own(self, path: tuple[Segment, ...]) -> Any:
        root, rest = str(path[0]), path[1:]
        if root == "steps" and rest:
            return self._step(str(rest[0]), rest[1:])
        base = self._base(root) if rest else None
        if base is not None:
            return walk(base, rest)
        named = self.loop.named() if self.loop is not None else {}
        for values in (named, self.state):
            if root in values:
                return walk(values, path)
        if root in self.records:
            return self._step(root, rest)
        return walk(self._inputs if root in self._inputs else self.words, path)

    def _base(self, root: str) -> Mapping[str, Any] | None:
        if root in STATE_ROOTS:
            return {**self.state, **(self.loop.named() if self.loop is not None else {})}
        if root == "loop":
            return self.loop.frame() if self.loop is not None else {}
        return {"inputs": self._inputs, "workflow": self._workflow, "env": self.env}.get(root)

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
    data = record.get("data")
    called = data.get("args") if isinstance(data, dict) and "function_calls" in record else None
    for base in (record, data, parsed, called):
        try:
            return walk(base, path)
        except ExpressionError:
            continue
    if path[0] in _TEXT_WORDS:
        return extract(record, path[1:])
    results = record.get("results") or {}
    if path[0] in _BRANCH_WORDS and results and len(path) > 1:
        path = path[1:]
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
