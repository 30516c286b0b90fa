"""Jinja2 templates whose output knows which expression supplied which characters.

Every expression that prints something is led through a filter of ours, in the template's syntax tree, so what it
prints arrives as a text that carries its source; the rest is the template's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, meta, nodes

from quarterdeck.prompt_parts import Part, static, supplied

_FILTER: Final = "quarterdeck_part"


class _Filled(str):
    """What an expression printed, and its parts."""

    __slots__ = ("from_parts",)

    from_parts: list[Part]

    def __str__(self) -> str:
        return self  # as it is: Jinja calls str() on everything that it prints


def _fill(value: Any, source: str) -> _Filled:
    text = _Filled(str(value))
    text.from_parts = supplied(value, str.__str__(text), source)
    return text


class _Joined(str):
    """What a template or a macro of it printed, and its parts."""

    __slots__ = ("parts",)

    parts: tuple[Part, ...]


class JinjaFiller:
    """``{{ name }}`` and all the rest of Jinja2; a variable that is missing is an error.

    Args:
        template: the text.
        source: where it came from.

    Raises:
        ValueError: it is no Jinja2 template.
    """

    def __init__(self, template: str, source: str) -> None:
        self.template = template
        self._source = source
        # Autoescape stays off: a prompt is for a model, not for a browser.
        environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - above
        environment.filters[_FILTER] = _fill
        environment.concat = self._joined  # type: ignore[method-assign] # how templates and macros end
        try:
            tree = environment.parse(template)
        except TemplateSyntaxError as error:
            raise ValueError(f"the prompt is no Jinja2 template: line {error.lineno}: {error.message}") from error
        known = meta.find_undeclared_variables(tree)
        names = (node.name for node in tree.find_all(nodes.Name))
        self.fields = tuple(dict.fromkeys(name for name in names if name in known))
        for output in tree.find_all(nodes.Output):
            output.nodes = [_led(node) for node in output.nodes]
        self._template = environment.from_string(tree)

    def fill(self, variables: Mapping[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        """Fill in the variables."""
        rendered: Any = self._template.render(variables)
        return list(rendered.parts), dict(variables)

    def _joined(self, pieces: Iterable[str]) -> _Joined:
        parts: list[Part] = []
        for piece in pieces:
            if isinstance(piece, _Filled):
                parts += piece.from_parts
            elif piece:
                parts.append(static(piece, self._source))
        text = _Joined("".join(part["text"] for part in parts))
        text.parts = tuple(parts)
        return text


def _led(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, nodes.TemplateData):
        return node
    source = nodes.Const(_source_of(node), lineno=node.lineno)
    return nodes.Filter(node, _FILTER, [source], [], None, None, lineno=node.lineno)


def _source_of(node: nodes.Node) -> str:
    """The variable that an expression speaks of first: ``item.title`` of ``item.title | upper``."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_source_of(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return f"{_source_of(node.node)}[{node.arg.value!r}]"
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _source_of(node.node)
    name = next(iter(node.find_all(nodes.Name)), None)
    return name.name if name is not None else "expression"
