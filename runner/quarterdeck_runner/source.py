"""YAML with positions: plain values only, no tags, no surprises.

Scalars follow the core schema of YAML 1.2: only ``true`` and ``false`` are booleans, so ``on`` and ``no`` stay words.
Repeated keys are errors; aliases are followed within bounds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from quarterdeck_runner.diagnostics import START, Position, Report

MAX_BYTES: Final = 1 << 20
_MAX_NODES: Final = 50_000
_MAX_DEPTH: Final = 40

_NULL: Final = re.compile(r"(~|null|Null|NULL|)\Z")
_BOOLEAN: Final = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?\Z")
_CORE: Final = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_RESOLVED: Final = (*_CORE, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")


@dataclass(frozen=True)
class Node:
    """A value of a YAML file and where it stands.

    Args:
        value: a scalar; for a list the tuple of its nodes; for a map the nodes by key.
        position: where it begins.
        span: begin and end in the source text, in characters.
        raw: the text of a scalar.
        keys: where the keys of a map stand.
    """

    value: Any
    position: Position
    span: tuple[int, int] = (0, 0)
    raw: str = ""
    keys: dict[str, Position] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value without positions, as JSON knows it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def walk(self) -> "Iterator[Node]":
        """This node and all nodes below it."""
        yield self
        if isinstance(self.value, (dict, tuple)):
            for child in self.value.values() if isinstance(self.value, dict) else self.value:
                yield from child.walk()


class _TooMuchError(Exception):
    def __init__(self, position: Position, message: str) -> None:
        super().__init__(message)
        self.position = position


class _Loader(yaml.SafeLoader):
    """Gives up early: reading a megabyte of brackets to its end would take many seconds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, while there are not too many."""
        self._count += 1
        if self._count > _MAX_NODES:
            position = _position(self.peek_event().start_mark)  # type: ignore[no-untyped-call]  # of PyYAML
            raise _TooMuchError(position, f"the file has more than {_MAX_NODES} values: is it a pipeline?")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def read(text: str, report: Report) -> Node | None:
    """Read a YAML document.

    Args:
        text: the file's content.
        report: receives the problems.

    Returns:
        The top node, or ``None`` if the text is no YAML document.
    """
    if len(text) > MAX_BYTES:
        report.error(START, f"the file is larger than {MAX_BYTES} characters: put long prompts into files of their own")
        return None
    try:
        composed = yaml.compose(text, Loader=_Loader)
        if composed is None:
            report.error(START, "the file is empty: a pipeline needs a map `workflow:` with `name` and `steps`")
            return None
        return _Converter(report).convert(composed, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = _position(mark) if mark else START
        report.error(position, f"this is no valid YAML: {_words(error)}")
    except yaml.YAMLError as error:
        report.error(START, f"this is no valid YAML: {error}")
    except _TooMuchError as error:
        report.error(error.position, str(error))
    except RecursionError:
        report.error(START, f"the file is nested deeper than {_MAX_DEPTH} levels")
    return None


def _words(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem, error.note) if part)


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


class _Converter:
    """Turns PyYAML's nodes into ours; counts them, since aliases can multiply without bound."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._count = 0

    def convert(self, node: yaml.Node, depth: int) -> Node:
        position = _position(node.start_mark)
        self._count += 1
        if self._count > _MAX_NODES:
            raise _TooMuchError(position, f"the file expands to more than {_MAX_NODES} values: are aliases nested?")
        if depth > _MAX_DEPTH:
            raise _TooMuchError(
                position, f"the file is nested deeper than {_MAX_DEPTH} levels: does an alias contain itself?"
            )
        if node.tag not in _RESOLVED:
            message = f"the tag {node.tag.removeprefix('tag:yaml.org,2002:')} is not allowed: write a plain value"
            self._report.error(position, message)
        span = (node.start_mark.index, node.end_mark.index)
        if isinstance(node, yaml.MappingNode):
            return self._map(node, position, span, depth)
        if isinstance(node, yaml.SequenceNode):
            return Node(tuple(self.convert(child, depth + 1) for child in node.value), position, span)
        return Node(_scalar(node), position, span, raw=str(node.value))

    def _map(self, node: yaml.MappingNode, position: Position, span: tuple[int, int], depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        merged: list[Node] = []
        for key, child in node.value:
            where = _position(key.start_mark)
            converted = self.convert(child, depth + 1)
            if not isinstance(key, yaml.ScalarNode):
                self._report.error(where, "a key must be a word, not a list or a map")
            elif key.value == "<<" and key.style is None:
                merged += converted.value if isinstance(converted.value, tuple) else [converted]
            elif key.value in values:
                first = keys[key.value].line
                self._report.error(where, f"the key '{key.value}' is given twice (first in line {first}): remove one")
            else:
                values[key.value], keys[key.value] = converted, where
        self._merge(merged, values, keys)
        return Node(values, position, span, keys=keys)

    def _merge(self, merged: list[Node], values: dict[str, Node], keys: dict[str, Position]) -> None:
        for source in merged:
            if not isinstance(source.value, dict):
                self._report.error(source.position, "`<<` merges maps only")
                continue
            for key, node in source.value.items():
                values.setdefault(key, node)
                keys.setdefault(key, source.keys[key])


def _scalar(node: Any) -> Any:
    """The value of a scalar; what PyYAML, at YAML 1.1, takes for a word may be a number: ``1e5``."""
    text = str(node.value)
    if node.style is not None or (node.tag == "tag:yaml.org,2002:str" and not _FLOAT.match(text)):
        return text
    if _NULL.match(text):
        return None
    if _BOOLEAN.match(text):
        return text.lower() == "true"
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
