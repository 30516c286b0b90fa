"""Templates whose results remember where every stretch of text came from."""

import string
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self, TypedDict

from quarterdeck.values import to_json

PART_KINDS: Final = ("static", "file", "previous_response", "variable")


class Part(TypedDict):
    """One stretch of a prompt."""

    kind: str
    source: str
    text: str


class RenderedPrompt(str):
    """An ordinary text that remembers its template, variables and parts.

    Args:
        parts: the stretches in order; their texts make the prompt.
        template: the template, where there is one.
        variables: the template's variables.
    """

    __slots__ = ("__weakref__", "parts", "template", "variables")

    parts: tuple[Part, ...]
    template: str | None
    variables: dict[str, str]

    def __new__(
        cls, parts: Sequence[Part], *, template: str | None = None, variables: Mapping[str, Any] | None = None
    ) -> Self:
        """Join the parts."""
        self = super().__new__(cls, "".join(part["text"] for part in parts))
        self.parts = tuple(parts)
        self.template = template
        self.variables = {name: _text(value) for name, value in (variables or {}).items()}
        _alive[hash(str(self))] = self
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[tuple[Part, ...]], dict[str, Any]]:
        """What copies and pickles are made from."""
        return (self.parts,), {"template": self.template, "variables": self.variables}


class Prompt:
    """A template with ``{name}`` fields, in the syntax of ``str.format``.

    Args:
        template: the text; ``{{`` and ``}}`` are braces.
        source: where the template came from, such as a file; shown beside its static parts.

    Raises:
        ValueError: if the template is no format string.
    """

    def __init__(self, template: str, *, source: str = "") -> None:
        self.template = template
        self._source = source
        self._pieces = tuple(string.Formatter().parse(template))
        for _, field, _, _ in self._pieces:
            if field is not None and not field.split(".")[0].split("[")[0].isidentifier():
                raise ValueError(f"field {{{field}}} of the prompt has no name: write {{name}}, and {{{{ for a brace")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the variables, in order of appearance."""
        names = (field.split(".")[0].split("[")[0] for _, field, _, _ in self._pieces if field)
        return tuple(dict.fromkeys(names))

    def render(self, **variables: Any) -> RenderedPrompt:
        """Fill in the variables; a value that is itself a rendered prompt keeps its parts.

        Raises:
            TypeError: if a variable is missing or unknown.
        """
        missing = [name for name in self.fields if name not in variables]
        unknown = [name for name in variables if name not in self.fields]
        if missing or unknown:
            problems = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(
                unknown
            )
            raise TypeError(f"prompt variables do not fit the template; {'; '.join(problems)}")
        parts: list[Part] = []
        for literal, field, form, conversion in self._pieces:
            if literal:
                parts.append({"kind": "static", "source": self._source, "text": literal})
            if field is not None:
                parts += self._filled(field, form or "", conversion, variables)
        return RenderedPrompt(parts, template=self.template, variables=variables)

    @staticmethod
    def _filled(field: str, form: str, conversion: str | None, variables: Mapping[str, Any]) -> list[Part]:
        formatter = string.Formatter()
        value, _ = formatter.get_field(field, (), variables)
        if isinstance(value, RenderedPrompt) and not form and not conversion:
            return list(value.parts)
        shown = formatter.convert_field(value, conversion) if conversion else value
        return [{"kind": "variable", "source": field, "text": formatter.format_field(shown, form)}]


_alive: Final["weakref.WeakValueDictionary[int, RenderedPrompt]"] = weakref.WeakValueDictionary()


def remembered(text: str) -> RenderedPrompt | None:
    """Find the rendered prompt that ``text`` is or was copied from: provider SDKs turn it into a plain ``str``.

    Args:
        text: a message's text.
    """
    if isinstance(text, RenderedPrompt):
        return text
    found = _alive.get(hash(text))
    return found if found is not None and str.__eq__(found, text) else None


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else to_json(value)
