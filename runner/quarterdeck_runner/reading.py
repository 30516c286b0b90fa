"""What all readers of a pipeline file share: where they are, and the small values that many steps have."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from quarterdeck_runner.conditions import combined
from quarterdeck_runner.diagnostics import Report
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import DEFAULT_TIMEOUT_S, Function, Pipeline, Retry, Step
from quarterdeck_runner.vocabulary import BACKOFFS, KEYS

DAY_S: Final = 86_400.0
MAX_DEPTH: Final = 10
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)\Z")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Defaults:
    """What ``defaults`` sets for all steps."""

    gemini_model: Node | None = None
    gemini_budget: Node | None = None
    claude_options: Mapping[str, Node] = field(default_factory=dict)
    preset: str = ""


@dataclass(frozen=True)
class Nesting:
    """A nested pipeline that is to be read.

    Args:
        node: its map, for one that is written in place.
        file: its path as written; empty for one in place.
        inputs: what it will be given.
        lenient: whether it sees what this reader cannot know.
        max_depth: how deep pipelines may be nested.
        owner: the step that it belongs to.
    """

    node: Node | None
    file: str
    inputs: tuple[str, ...]
    lenient: bool
    max_depth: int
    owner: Fields


@dataclass(frozen=True)
class Reading:
    """Where a reader is.

    Args:
        report: receives the problems.
        file: the file that is read.
        source: its text.
        defaults: what it sets for all steps.
        functions: functions that it declares.
        stack: the files around this one, this one last.
        files: texts of the nested files that were read, by path.
        kept: texts to read instead of the files, by path; a run keeps them.
        nested: reads a nested pipeline.
        step: reads a step.
    """

    report: Report
    file: Path
    source: str
    stack: tuple[Path, ...]
    files: dict[str, str]
    kept: Mapping[str, str] | None
    nested: "Callable[[Reading, Nesting], Pipeline | None]"
    steps: "Callable[[Reading, Fields], tuple[Step, ...]]"
    defaults: Defaults = Defaults()
    functions: Mapping[str, Function] = field(default_factory=dict)


def read_condition(fields: Fields, keys: tuple[str, ...] = ("condition", "if")) -> Any:
    """Read a condition into its tree; ``None`` if there is none.

    Args:
        fields: the step that has it.
        keys: the names it may have.
    """
    given = [key for key in keys if fields.get(key) is not None]
    if len(given) > 1:
        message = f"{fields.where} has both `condition` and `if`, which mean the same: remove one"
        fields.report.error(fields.at("if"), message)
    node = fields.get(given[0]) if given else None
    if node is None:
        return None
    try:
        return combined(node.plain())
    except ExpressionError as error:
        fields.report.error(node.position, f"`{given[0]}` of {fields.where} cannot be read: {error}")
        return None


def read_duration(fields: Fields, key: str) -> float:
    """Seconds, or a text with a unit: ``90``, ``"90s"``, ``"1.5m"``."""
    node = fields.get(key)
    match = _DURATION.match(node.value) if node is not None and isinstance(node.value, str) else None
    if match is not None:
        return min(float(match[1]) * _UNITS[match[2]], DAY_S)
    if node is not None and isinstance(node.value, str):
        message = (
            f"`{key}` of {fields.where} must be seconds or a number with a unit, such as 90s or 2m, not '{node.value}'"
        )
        fields.report.error(node.position, message)
        return DEFAULT_TIMEOUT_S
    return fields.number(key, 0.001, DAY_S) or DEFAULT_TIMEOUT_S


def read_timeout(fields: Fields) -> float | None:
    """Seconds of ``timeout`` or ``timeout_seconds``; ``None`` if the step has neither."""
    for key in ("timeout", "timeout_seconds"):
        if fields.get(key) is not None:
            return read_duration(fields, key)
    return None


def read_retry(fields: Fields) -> Retry | None:
    """Read ``retry``."""
    node = fields.map("retry")
    if node is None:
        return None
    inner = Fields(node, fields.report, f"`retry` of {fields.where}", KEYS["retry"])
    attempts = inner.integer("max_attempts", 1, 20)
    interval = read_duration(inner, "interval") if inner.get("interval") is not None else 1.0
    return Retry(3 if attempts is None else attempts, interval, inner.choice("backoff", BACKOFFS, "exponential"))


def read_output_file(fields: Fields) -> str:
    """Read ``output_to_file``: a path that stays where it belongs."""
    written = fields.text("output_to_file")
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        message = (
            f"`output_to_file` of {fields.where} must stay below the output folder: write a relative path without '..'"
        )
        fields.report.error(fields.at("output_to_file"), message)
    return written


def read_texts(fields: Fields, key: str) -> dict[str, str]:
    """Read a map of names and texts; numbers and booleans are taken as they are written."""
    found = {}
    for name, node in fields.entries(key).items():
        if isinstance(node.value, (dict, tuple)) or node.value is None:
            message = f"'{name}' in `{key}` of {fields.where} must be a text, not {shown(node)}"
            fields.report.error(node.position, message)
        else:
            found[name] = node.raw
    return found


def one_of(fields: Fields, keys: tuple[str, ...]) -> Node | None:
    """The value of the first of these keys that is there."""
    return next((node for key in keys if (node := fields.get(key)) is not None), None)
