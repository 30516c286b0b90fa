"""Read the fields of a map: each with its type, every problem with its place."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from quarterdeck_runner.diagnostics import Position, Report, nearest
from quarterdeck_runner.source import Node

_NAMES: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list",
    dict: "a map",
}


def shown(node: Node) -> str:
    """Describe a value for a message."""
    if node.value is None:
        return "nothing"
    if isinstance(node.value, (dict, tuple)):
        return _NAMES[type(node.value)]
    text = node.raw if len(node.raw) <= 30 else f"{node.raw[:29]}…"  # noqa: PLR2004 - what fits a message
    return f"the text '{text}'" if isinstance(node.value, str) else text


class Fields:
    """The fields of one map of a pipeline file.

    Args:
        node: the map; anything else is reported and reads as empty.
        report: receives the problems.
        where: what the map is, for messages: ``step 'draft'``.
        known: the keys it may have; others are reported with the nearest word.
    """

    def __init__(self, node: Node, report: Report, where: str, known: Iterable[str] | None = None) -> None:
        self.node, self.report, self.where = node, report, where
        self._map: dict[str, Node] = node.value if isinstance(node.value, dict) else {}
        if not isinstance(node.value, dict):
            report.error(node.position, f"{where} must be a map of keys and values, not {shown(node)}")
        if known is not None:
            self._warn_unknown(tuple(known))

    def _warn_unknown(self, known: Sequence[str]) -> None:
        for key in self._map:
            if key not in known:
                message = f"{self.where} has no key '{key}': it is ignored{nearest(key, known)}"
                self.report.warning(self.node.keys[key], message)

    def warn_ignored(self, reasons: Mapping[str, str]) -> None:
        """Say which of the given keys are there and change nothing, and why."""
        for key, reason in reasons.items():
            if key in self._map:
                self.report.warning(self.at(key), f"`{key}` has no effect here: {reason}")

    def __contains__(self, key: str) -> bool:
        return key in self._map

    def get(self, key: str) -> Node | None:
        """The node of a key; one without a value counts as absent."""
        node = self._map.get(key)
        return None if node is None or node.value is None else node

    def at(self, key: str) -> Position:
        """Where a key stands; where the map begins, if it is absent."""
        return self.node.keys.get(key, self.node.position)

    def text(self, key: str, default: str = "", *, required: bool = False, loose: bool = False) -> str:
        """A text. ``loose`` takes numbers and booleans as they are written."""
        node = self.get(key)
        if node is not None and loose and isinstance(node.value, (int, float)):
            return node.raw
        value = self._value(key, (str,), required=required)
        if required and value is not None and not value.strip():
            self.report.error(self.at(key), f"`{key}` of {self.where} must not be empty")
        return default if value is None else str(value)

    def integer(self, key: str, minimum: int, maximum: int) -> int | None:
        """A whole number within bounds."""
        value = self._value(key, (int,))
        return None if value is None else self._bounded(key, int(value), minimum, maximum)

    def number(self, key: str, minimum: float, maximum: float) -> float | None:
        """A number within bounds."""
        value = self._value(key, (float, int))
        return None if value is None else self._bounded(key, float(value), minimum, maximum)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._value(key, (bool,))
        return default if value is None else bool(value)

    def choice(self, key: str, words: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self._value(key, (str,))
        if value is None:
            return default
        if value not in words:
            message = f"`{key}` of {self.where} must be one of {', '.join(words)}, not '{value}'{nearest(value, words)}"
            self.report.error(self._map[key].position, message)
            return default
        return str(value)

    def items(self, key: str, *, required: bool = False) -> tuple[Node, ...]:
        """A list; a required one must not be empty."""
        value = self._value(key, (tuple,), required=required)
        if required and value == ():
            self.report.error(self.at(key), f"`{key}` of {self.where} must not be empty")
        return tuple(value or ())

    def map(self, key: str) -> Node | None:
        """A map."""
        return self.get(key) if self._value(key, (dict,)) is not None else None

    def entries(self, key: str) -> dict[str, Node]:
        """The entries of a map."""
        node = self.map(key)
        return dict(node.value) if node is not None else {}

    def _bounded(self, key: str, value: Any, minimum: float, maximum: float) -> Any:
        if minimum <= value <= maximum:
            return value
        message = f"`{key}` of {self.where} must be between {minimum:g} and {maximum:g}, not {value:g}"
        self.report.error(self._map[key].position, message)
        return None

    def _value(self, key: str, kinds: tuple[type, ...], *, required: bool = False) -> Any:
        node = self.get(key)
        if node is None:
            if required:
                kind = _NAMES[kinds[0]]
                self.report.error(self.at(key), f"{self.where} needs `{key}`: {kind}")
            return None
        boolean = isinstance(node.value, bool) and bool not in kinds
        if boolean or not isinstance(node.value, kinds):
            hint = ": put it in quotes" if kinds == (str,) and not isinstance(node.value, (dict, tuple)) else ""
            message = f"`{key}` of {self.where} must be {_NAMES[kinds[0]]}, not {shown(node)}{hint}"
            self.report.error(node.position, message)
            return None
        return node.value
