"""A small, safe language of expressions: read into a tree, never handed to ``eval``.

Precedence, loosest first: ``a ? b : c``, ``or``, ``and``, ``not``, comparisons (``== != < <= > >= contains matches in``
and ``x between a and b``), ``+ -``, ``* / %``, unary ``-``. References are dotted: ``steps.check.score``, ``a[0].b``.
A hyphen inside a name needs a letter after it: ``my-step`` is a name, ``count-1`` a subtraction.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

_MAX_LENGTH: Final = 2_000
_MAX_DEPTH: Final = 40

Expression = "Literal | Reference | Unary | Binary | Between | Call | Choice"
Segment = str | int


class ExpressionError(Exception):
    """A text is no expression, or one that cannot be computed; the message says why."""


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True)
class Reference:
    """A dotted path to a value."""

    path: tuple[Segment, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


@dataclass(frozen=True)
class Unary:
    """``not x`` or ``-x``."""

    operator: str
    operand: Any


@dataclass(frozen=True)
class Binary:
    """An operator with two operands."""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Between:
    """``value between low and high``, both ends included."""

    value: Any
    low: Any
    high: Any


@dataclass(frozen=True)
class Call:
    """A function of the language."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Choice:
    """``condition ? yes : no``."""

    condition: Any
    yes: Any
    no: Any


FUNCTIONS: Final = {
    **dict.fromkeys(("length", "count", "isEmpty", "any", "all", "sum", "average"), (1, 1)),
    **dict.fromkeys(("toLowerCase", "toUpperCase", "trim"), (1, 1)),
    **dict.fromkeys(("startsWith", "endsWith"), (2, 2)),
    **dict.fromkeys(("abs", "round", "floor", "ceil", "sqrt"), (1, 1)),
    **dict.fromkeys(("pow", "add", "subtract", "multiply", "divide"), (2, 2)),
    **dict.fromkeys(("min", "max"), (1, 20)),
    **dict.fromkeys(("days", "hours", "minutes", "seconds"), (1, 1)),
    "now": (0, 0),
}
"""Functions of the language and how many arguments each takes, at least and at most.

``now()`` and spans of time are seconds, so ``now() - started > minutes(5)`` works.
"""

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[^\W\d]\w*(?:-[^\W\d]\w*)*(?:(?:\.[\w]+(?:-[^\W\d]\w*)*)|\[\d+\])*)
    | (?P<sign>\{\{|\}\}|==|!=|<=|>=|&&|\|\||[<>+\-*/%(),?:!])
    )""",
    re.VERBOSE,
)
_WORDS: Final = {"and", "or", "not", "contains", "matches", "between", "in"}
_SAME: Final = {"&&": "and", "||": "or", "!": "not", "{{": "(", "}}": ")"}
_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">", "contains", "matches", "in")
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "nil": None, "none": None}
_SEGMENT: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def path_of(text: str) -> tuple[Segment, ...]:
    """Split a dotted path: ``a.b[0]`` → ``("a", "b", 0)``."""
    return tuple(
        int(index) if index else int(word) if word.isdecimal() else word for index, word in _SEGMENT.findall(text)
    )


def parse(text: str) -> Any:
    """Read an expression; ``{{ … }}`` around it or around parts of it means nothing.

    Args:
        text: the expression, at most 2000 characters.

    Returns:
        Its tree.

    Raises:
        ExpressionError: the text is no expression.
    """
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {_MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    tree = parser.choice()
    parser.finish()
    return tree


def references(tree: Any) -> list[Reference]:
    """Every reference in an expression, in the order of the text."""
    if isinstance(tree, Reference):
        return [tree]
    if isinstance(tree, tuple):
        return [found for each in tree for found in references(each)]
    if isinstance(tree, (Unary, Binary, Between, Call, Choice)):
        return [found for each in vars(tree).values() for found in references(each)]
    return []


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"'{text[at:].strip()[:20]}' cannot be read")
        kind = str(match.lastgroup)
        found = match[kind]
        at = match.end()
        if kind == "name" and found in _WORDS:
            kind = "sign"
        tokens.append(_Token(kind, _SAME.get(found, found) if kind == "sign" else found))
    return tokens


class _Parser:
    """Recursive descent, bounded in depth."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def finish(self) -> None:
        if self._at < len(self._tokens):
            raise ExpressionError(f"'{self._tokens[self._at].text}' was not expected here")

    def choice(self) -> Any:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {_MAX_DEPTH} levels")
        condition = self._either()
        if self._take("?"):
            yes = self.choice()
            self._need(":")
            condition = Choice(condition, yes, self.choice())
        self._depth -= 1
        return condition

    def _either(self) -> Any:
        left = self._both()
        while self._take("or"):
            left = Binary("or", left, self._both())
        return left

    def _both(self) -> Any:
        left = self._negation()
        while self._take("and"):
            left = Binary("and", left, self._negation())
        return left

    def _negation(self) -> Any:
        count = 0
        while self._take("not"):
            count += 1
        tree = self._comparison()
        return Unary("not", tree) if count % 2 else Unary("not", Unary("not", tree)) if count else tree

    def _comparison(self) -> Any:
        left = self._sum()
        operator = self._take(*_COMPARISONS)
        if operator:
            return Binary(operator, left, self._sum())
        if self._take("between"):
            low = self._sum()
            self._need("and")
            return Between(left, low, self._sum())
        return left

    def _sum(self) -> Any:
        left = self._product()
        while operator := self._take("+", "-"):
            left = Binary(operator, left, self._product())
        return left

    def _product(self) -> Any:
        left = self._sign()
        while operator := self._take("*", "/", "%"):
            left = Binary(operator, left, self._sign())
        return left

    def _sign(self) -> Any:
        count = 0
        while self._take("-"):
            count += 1
        operand = self._operand()
        return Unary("-", operand) if count % 2 else operand

    def _operand(self) -> Any:
        if self._take("("):
            tree = self.choice()
            self._need(")")
            return tree
        if self._at == len(self._tokens):
            raise ExpressionError("the expression ends too early: a value is missing")
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "number":
            return Literal(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "text":
            return _text(token.text)
        if token.kind == "name":
            return self._named(token.text)
        raise ExpressionError(f"a value was expected, not '{token.text}'")

    def _named(self, name: str) -> Any:
        if self._take("("):
            return self._call(name)
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        return Reference(path_of(name))

    def _call(self, name: str) -> Call:
        if name not in FUNCTIONS:
            raise ExpressionError(f"there is no function '{name}'; there are {', '.join(sorted(FUNCTIONS))}")
        arguments = []
        if not self._take(")"):
            arguments.append(self.choice())
            while self._take(","):
                arguments.append(self.choice())
            self._need(")")
        least, most = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"{name}() takes {wanted} argument(s), not {len(arguments)}")
        return Call(name, tuple(arguments))

    def _take(self, *signs: str) -> str:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "sign" and token.text in signs:
                self._at += 1
                return token.text
        return ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            found = self._tokens[self._at].text if self._at < len(self._tokens) else "the end"
            raise ExpressionError(f"'{sign}' was expected, not {found}")


def _text(quoted: str) -> Any:
    inner = quoted[1:-1]
    if re.fullmatch(r"\s*\{\{.*\}\}\s*", inner):
        return parse(inner)
    return Literal(re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), inner))
