"""``{{ … }}`` in texts: one pass, so whatever is filled in is never itself a template."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_runner.conditions import Lookup, compute
from quarterdeck_runner.expressions import ExpressionError, Reference, parse, path_of, references

TEMPLATE: Final = re.compile(r"\{\{((?:(?!\{\{).){1,2000}?)\}\}", re.DOTALL)
"""Without another ``{{`` inside: a text full of them would take time that grows with its square."""

_PATH: Final = re.compile(r"[^\W\d][\w-]*(\.[\w-]+|\[\d+\])*\Z")
_PREVIOUS: Final = "previous_response:"
_SOURCE: Final = re.compile(r"(previous_response:)?([^\W\d][\w.-]*)(?::([\w.\[\]-]+))?\Z")


class TemplateError(Exception):
    """A text that must be complete, such as a path, holds a template that has no value."""


@dataclass(frozen=True)
class Slot:
    """One ``{{ … }}``.

    Args:
        raw: the whole text, braces included.
        source: the text between the braces.
        tree: the expression, or ``None`` if it is none.
        problem: why it is none.
    """

    raw: str
    source: str
    tree: Any
    problem: str = ""

    @property
    def references(self) -> list[Reference]:
        """What it refers to."""
        return references(self.tree)


@dataclass(frozen=True)
class Piece:
    """A stretch of a rendered text.

    Args:
        text: the stretch.
        slot: the template it came from; ``None`` for text that was there.
        problem: why the template was left as it is; empty if it was filled in.
    """

    text: str
    slot: Slot | None = None
    problem: str = ""


def split(text: str) -> Iterator[str | Slot]:
    """Take a text apart: plain stretches and slots, in order; together they are the text."""
    at = 0
    for match in TEMPLATE.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        yield _slot(match[0], match[1].strip())
        at = match.end()
    if at < len(text):
        yield text[at:]


def slots(text: str) -> list[Slot]:
    """Every ``{{ … }}`` of a text."""
    return [part for part in split(text) if isinstance(part, Slot)]


def render(text: str, lookup: Lookup) -> list[Piece]:
    """Fill in the templates of a text; one without a value stays as it is.

    Args:
        text: the text.
        lookup: gives the values of references.

    Returns:
        The stretches of the result, in order.
    """
    return [Piece(part) if isinstance(part, str) else _filled(part, lookup) for part in split(text)]


def render_strict(text: str, lookup: Lookup) -> str:
    """Fill in the templates of a text that must be complete.

    Raises:
        TemplateError: a template has no value.
    """
    pieces = render(text, lookup)
    for piece in pieces:
        if piece.problem and piece.slot is not None:
            raise TemplateError(f"{piece.slot.raw} has no value: {piece.problem}")
    return "".join(piece.text for piece in pieces)


def render_value(value: Any, lookup: Lookup) -> Any:
    """Fill in the templates of every text inside a value; a text that is one template takes the type of its value.

    Args:
        value: a plain value: texts, numbers, lists and maps.
        lookup: gives the values of references.
    """
    if isinstance(value, dict):
        return {key: render_value(each, lookup) for key, each in value.items()}
    if isinstance(value, list):
        return [render_value(each, lookup) for each in value]
    if not isinstance(value, str):
        return value
    parts = list(split(value.strip()))
    if len(parts) == 1 and isinstance(parts[0], Slot) and parts[0].tree is not None:
        try:
            return compute(parts[0].tree, lookup)
        except ExpressionError:
            return value
    return "".join(piece.text for piece in render(value, lookup))


def source_tree(text: str) -> Any:
    """Read what names data: ``step``, ``step:field``, ``previous_response:step:field``, a template or an expression.

    Raises:
        ExpressionError: it is none of these.
    """
    text = text.strip()
    match = _SOURCE.match(text)
    if match is not None and (match[1] or match[3]):
        rest = path_of(match[3]) if match[3] else ()
        return Reference(("steps", *path_of(match[2]), *rest))
    return Reference(path_of(text)) if _PATH.match(text) else parse(text)


def as_text(value: Any) -> str:
    """Write a value as it stands in a prompt: a text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _slot(raw: str, source: str) -> Slot:
    if source.startswith(_PREVIOUS):
        return Slot(raw, source, Reference(("steps", *path_of(source.removeprefix(_PREVIOUS).strip()))))
    try:
        return Slot(raw, source, parse(source))
    except ExpressionError as error:
        if _PATH.match(source):
            return Slot(raw, source, Reference(path_of(source)))
        return Slot(raw, source, None, str(error))


def _filled(slot: Slot, lookup: Lookup) -> Piece:
    if slot.tree is None:
        return Piece(slot.raw, slot, slot.problem)
    try:
        return Piece(as_text(compute(slot.tree, lookup)), slot)
    except ExpressionError as error:
        return Piece(slot.raw, slot, str(error))
