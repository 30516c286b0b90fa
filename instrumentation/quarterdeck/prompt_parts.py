"""How templates are filled so that every stretch of the result is known: ``str.format`` and template strings."""

import string
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol, TypedDict

_MAX_NESTING: Final = 2
"""A format specification may have fields, and these none: the rule of ``str.format``."""


class Part(TypedDict):
    """One stretch of a prompt."""

    kind: str
    source: str
    text: str


class Filler(Protocol):
    """A template that was understood.

    Args:
        template: its text.
        fields: names of its variables, in order of appearance.
    """

    template: str
    fields: tuple[str, ...]

    def fill(self, variables: Mapping[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        """Give the stretches of the result in order, and the variables that it was made from."""


def static(text: str, source: str) -> Part:
    """A stretch that the template itself supplies."""
    return {"kind": "static", "source": source, "text": text}


def supplied(value: Any, text: str, source: str) -> list[Part]:
    """Stretches that a value supplies: its own where it knows them and was taken as it is.

    Args:
        value: the value.
        text: what it became.
        source: the variable.
    """
    parts: tuple[Part, ...] | None = getattr(value, "parts", None) if isinstance(value, str) else None
    if parts is not None and text == value:
        return list(parts)
    return [{"kind": "variable", "source": source, "text": text}]


class FormatFiller:
    """``{name}`` fields in the syntax of ``str.format``.

    Args:
        template: the text; ``{{`` and ``}}`` are braces.
        source: where it came from.

    Raises:
        ValueError: it is no format string, or a field has no name.
    """

    def __init__(self, template: str, source: str) -> None:
        self.template = template
        self._source = source
        self._formatter = string.Formatter()
        self._pieces = tuple(self._formatter.parse(template))
        self.fields = tuple(dict.fromkeys(_names(template, _MAX_NESTING)))

    def fill(self, variables: Mapping[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        """Fill in the variables."""
        parts: list[Part] = []
        for literal, field, form, conversion in self._pieces:
            if literal:
                parts.append(static(literal, self._source))
            if field is not None:
                value, _ = self._formatter.get_field(field, (), variables)
                shown = self._formatter.convert_field(value, conversion) if conversion else value
                text = self._formatter.format_field(shown, self._formatter.vformat(form or "", (), variables))
                parts += supplied(shown, text, field)
        return parts, dict(variables)


def _names(template: str, depth: int) -> Iterator[str]:
    for _, field, form, _ in string.Formatter().parse(template):
        if field is None:
            continue
        name = field.split(".")[0].split("[")[0]
        if not name.isidentifier():
            raise ValueError(f"field {{{field}}} of the prompt has no name: write {{name}}, and {{{{ for a brace")
        yield name
        if form and depth > 1:
            yield from _names(form, depth - 1)


class TemplateStringFiller:
    """A template string of Python 3.14: ``t"Summarise {text}"``.

    Args:
        template: a ``string.templatelib.Template``.
        source: where it came from.

    Raises:
        ValueError: it is something else.
    """

    fields: tuple[str, ...] = ()

    def __init__(self, template: Any, source: str) -> None:
        if type(template).__module__ != "string.templatelib" or not hasattr(template, "interpolations"):
            raise ValueError(f"a prompt's template is a text or a template string, not {type(template).__name__}")
        self._strings: tuple[str, ...] = template.strings
        self._holes: tuple[Any, ...] = template.interpolations
        self._source = source
        shown = (*(_written(hole) for hole in self._holes), "")
        self.template = "".join(
            text.replace("{", "{{").replace("}", "}}") + hole for text, hole in zip(self._strings, shown, strict=True)
        )

    def fill(self, _variables: Mapping[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        """Show the values that the template string holds."""
        parts: list[Part] = []
        formatter = string.Formatter()
        for text, hole in zip(self._strings, (*self._holes, None), strict=True):
            if text:
                parts.append(static(text, self._source))
            if hole is not None:
                shown = formatter.convert_field(hole.value, hole.conversion) if hole.conversion else hole.value
                parts += supplied(shown, format(shown, hole.format_spec), hole.expression)
        return parts, {hole.expression: hole.value for hole in self._holes}


def _written(hole: Any) -> str:
    conversion = f"!{hole.conversion}" if hole.conversion else ""
    form = f":{hole.format_spec}" if hole.format_spec else ""
    return f"{{{hole.expression}{conversion}{form}}}"
