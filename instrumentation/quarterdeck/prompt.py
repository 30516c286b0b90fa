"""Templates whose results remember where every stretch of text came from."""

import weakref
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Literal, Self, get_args

from quarterdeck.prompt_parts import Filler, FormatFiller, Part, TemplateStringFiller
from quarterdeck.values import to_json

__all__ = ["PART_KINDS", "SYNTAXES", "Part", "Prompt", "RenderedPrompt", "remembered"]

Syntax = Literal["format", "jinja2"]

SYNTAXES: Final[tuple[Syntax, ...]] = get_args(Syntax)

PART_KINDS: Final = ("static", "file", "previous_response", "variable")


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

    @property
    def spans(self) -> tuple[tuple[int, int, Part], ...]:
        """Which characters each part supplied: start, end, part; the text between is the part's."""
        ends = tuple(accumulate(len(part["text"]) for part in self.parts))
        return tuple(zip((0, *ends), ends, self.parts, strict=False))

    def part_at(self, index: int) -> Part:
        """The part that supplied the character at ``index``.

        Raises:
            IndexError: the text has no such character.
        """
        place = range(len(self))[index]
        return next(part for start, end, part in self.spans if start <= place < end)

    def __getnewargs_ex__(self) -> tuple[tuple[tuple[Part, ...]], dict[str, Any]]:
        """What copies and pickles are made from."""
        return (self.parts,), {"template": self.template, "variables": self.variables}


class Prompt:
    """A template whose results remember where every stretch of them came from.

    Args:
        template: the text, or a template string of Python 3.14 (``t"…"``), which brings its values along.
        source: where the template came from, such as a file; shown beside its static parts.
        syntax: ``format`` for ``{name}`` as in ``str.format``, ``jinja2`` for ``{{ name }}`` (needs that package).

    Raises:
        ValueError: if the template is none in that syntax.
        ImportError: if the package of the syntax is missing.
    """

    def __init__(self, template: Any, *, source: str = "", syntax: Syntax = "format") -> None:
        self._filler = _filler(template, source, syntax)
        self.template: str = self._filler.template

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the variables, in order of appearance."""
        return self._filler.fields

    def render(self, **variables: Any) -> RenderedPrompt:
        """Fill in the variables; a value that is itself a rendered prompt keeps its parts.

        Raises:
            TypeError: if a variable is missing or unknown.
        """
        missing = [name for name in self.fields if name not in variables]
        unknown = [name for name in variables if name not in self.fields]
        if missing or unknown:
            problems = [f"missing: {', '.join(missing)}"] * bool(missing)
            problems += [f"unknown: {', '.join(unknown)}"] * bool(unknown)
            raise TypeError(f"prompt variables do not fit the template; {'; '.join(problems)}")
        parts, known = self._filler.fill(variables)
        return RenderedPrompt(parts, template=self.template, variables=known)


def _filler(template: Any, source: str, syntax: str) -> Filler:
    if syntax not in SYNTAXES:
        raise ValueError(f"syntax must be one of {', '.join(SYNTAXES)}, not {syntax!r}")
    if not isinstance(template, str):
        return TemplateStringFiller(template, source)
    if syntax == "format":
        return FormatFiller(template, source)
    from quarterdeck.prompt_jinja import JinjaFiller  # only now: the package is the user's choice

    return JinjaFiller(template, source)


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
