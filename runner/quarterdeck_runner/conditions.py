"""Compute expressions of :mod:`.expressions`; a condition is an expression whose value is true-ish."""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, Final

import regex

from quarterdeck_runner.expressions import (
    Between,
    Binary,
    Call,
    Choice,
    ExpressionError,
    Literal,
    Reference,
    Segment,
    Unary,
    parse,
)

Lookup = Callable[[tuple[Segment, ...]], Any]
"""Gives the value of a path; raises :class:`ExpressionError` if there is none."""

_MATCH_SECONDS: Final = 0.5
_MAX_SUBJECT: Final = 100_000
_MAX_NUMBER: Final = 10**100
_EXACT: Final = 2**53


def compute(tree: Any, lookup: Lookup) -> Any:  # noqa: C901, PLR0911 - one branch for each kind of node
    """Give the value of an expression.

    Args:
        tree: from :func:`quarterdeck_runner.expressions.parse`.
        lookup: gives the values of references.

    Raises:
        ExpressionError: it cannot be computed; the message says why.
    """
    match tree:
        case Literal(value):
            return value
        case Reference(path):
            return lookup(path)
        case Unary("not", operand):
            return not truthy(compute(operand, lookup))
        case Unary(_, operand):
            return -_number(compute(operand, lookup))
        case Binary("and" | "or" as word, left, right):
            first = truthy(compute(left, lookup))
            return truthy(compute(right, lookup)) if first == (word == "and") else first
        case Binary(sign, left, right):
            return _BINARY[sign](compute(left, lookup), compute(right, lookup))
        case Between(value, low, high):
            middle = compute(value, lookup)
            return _compare(operator.ge, middle, compute(low, lookup)) and _compare(
                operator.le, middle, compute(high, lookup)
            )
        case Call("now", ()):
            return lookup(("now",))
        case Call(name, arguments):
            return _FUNCTIONS[name](*(compute(each, lookup) for each in arguments))
        case Choice(condition, yes, no):
            return compute(yes if truthy(compute(condition, lookup)) else no, lookup)
    raise ExpressionError(f"{tree!r} is no expression")


def holds(condition: Any, lookup: Lookup) -> bool:
    """Whether a condition is true.

    Raises:
        ExpressionError: it cannot be computed.
    """
    return truthy(compute(condition, lookup))


def truthy(value: Any) -> bool:
    """False are null, false, an empty text, list and map; everything else is true, 0 included."""
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and not value))


def combined(value: Any) -> Any:
    """Read a condition as pipelines write it: a text, a list (all must hold), or a map ``and``, ``or``, ``not``.

    Args:
        value: the plain value of the YAML node.

    Returns:
        The tree of one expression.

    Raises:
        ExpressionError: it is none of these.
    """
    if isinstance(value, bool):
        return Literal(value)
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, list) and value:
        return _joined("and", value)
    if isinstance(value, dict) and len(value) == 1:
        (word, inner), *_ = value.items()
        if word in {"and", "or"} and isinstance(inner, list) and inner:
            return _joined(word, inner)
        if word == "not":
            return Unary("not", combined(inner))
    raise ExpressionError("a condition is a text, a list of conditions, or a map with one of `and`, `or`, `not`")


def _joined(word: str, values: list[Any]) -> Any:
    tree, *others = (combined(each) for each in values)
    for other in others:
        tree = Binary(word, tree, other)
    return tree


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        converted = _numeric(value) if isinstance(value, str) else None
        if converted is None:
            raise ExpressionError(f"{_shown(value)} is no number")
        return converted
    return value


def _numeric(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    first, second = _number(left), _number(right)
    if sign in "/%" and second == 0:
        raise ExpressionError("division by zero")
    result = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod}[sign](
        first, second
    )
    if abs(result) > _MAX_NUMBER:
        raise ExpressionError("the number is too large")
    return int(result) if isinstance(result, float) and result.is_integer() and sign == "/" else result


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Models write numbers and booleans as text: meet in the middle."""
    for one, other, swap in ((left, right, False), (right, left, True)):
        if isinstance(one, str) and isinstance(other, bool) and one.strip().lower() in {"true", "false"}:
            converted: Any = one.strip().lower() == "true"
        elif isinstance(one, str) and isinstance(other, (int, float)) and not isinstance(other, bool):
            converted = _numeric(one)
        else:
            continue
        if converted is not None:
            return (other, converted) if swap else (converted, other)
    return left, right


def _equal(left: Any, right: Any) -> bool:
    first, second = _aligned(left, right)
    # In Python True == 1; here a boolean equals only a boolean.
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _compare(sign: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    first, second = _aligned(left, right)
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (first, second))
    if not numbers and not (isinstance(first, str) and isinstance(second, str)):
        raise ExpressionError(f"{_shown(left)} and {_shown(right)} cannot be compared")
    return bool(sign(first, second))


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, str):
        return (item if isinstance(item, str) else _shown(item)) in container
    if isinstance(container, list):
        return any(_equal(each, item) for each in container)
    if isinstance(container, dict):
        return item in container
    raise ExpressionError(f"{_shown(container)} contains nothing: a text, list or map was expected")


def _matches(subject: Any, pattern: Any) -> bool:
    if not isinstance(subject, str) or not isinstance(pattern, str):
        raise ExpressionError("`matches` needs two texts: the subject and the pattern")
    try:
        # The `re` of Python has no time limit, and some patterns take longer than the sun will shine.
        return regex.search(pattern, subject[:_MAX_SUBJECT], timeout=_MATCH_SECONDS) is not None
    except regex.error as error:
        raise ExpressionError(f"'{pattern}' is no regular expression: {error}") from error
    except TimeoutError as error:
        raise ExpressionError(
            f"the pattern '{pattern}' takes longer than {_MATCH_SECONDS} s: make it simpler"
        ) from error


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f"'{value}'"
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - what fits a message


def _length(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise ExpressionError(f"{_shown(value)} has no length")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ExpressionError(f"{_shown(value)} is no text")


def _list(value: Any) -> list[Any]:
    if isinstance(value, (list, dict)):
        return list(value.values()) if isinstance(value, dict) else value
    raise ExpressionError(f"{_shown(value)} is no list")


def _numbers(values: tuple[Any, ...]) -> list[int | float]:
    found = [_number(value) for value in (_list(values[0]) if len(values) == 1 else values)]
    if not found:
        raise ExpressionError("the list is empty")
    return found


def _sum(value: Any) -> int | float:
    return sum(_number(each) for each in _list(value))


def _power(base: Any, exponent: Any) -> int | float:
    first, second = _number(base), _number(exponent)
    try:
        # As a float: the power of two whole numbers may take for ever.
        result = float(first) ** float(second)
    except (OverflowError, ZeroDivisionError) as error:
        raise ExpressionError("the number is too large") from error
    if isinstance(result, complex) or not math.isfinite(result):
        raise ExpressionError(f"{first} to the power of {second} is no number")
    return int(result) if result.is_integer() and abs(result) < _EXACT else result


def _root(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ExpressionError(f"{_shown(value)} has no square root")
    return math.sqrt(number)


def _span(seconds: int) -> Callable[[Any], int | float]:
    return lambda value: _number(value) * seconds


_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": lambda left, right: _compare(operator.lt, left, right),
    "<=": lambda left, right: _compare(operator.le, left, right),
    ">": lambda left, right: _compare(operator.gt, left, right),
    ">=": lambda left, right: _compare(operator.ge, left, right),
    "contains": _contains,
    "in": lambda item, container: _contains(container, item),
    "matches": _matches,
    **{sign: functools.partial(_arithmetic, sign) for sign in "+-*/%"},
}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "length": _length,
    "isEmpty": lambda value: value is None or _length(value) == 0,
    "startsWith": lambda text, start: _as_text(text).startswith(_as_text(start)),
    "endsWith": lambda text, end: _as_text(text).endswith(_as_text(end)),
    "toLowerCase": lambda text: _as_text(text).lower(),
    "toUpperCase": lambda text: _as_text(text).upper(),
    "trim": lambda text: _as_text(text).strip(),
    "abs": lambda value: abs(_number(value)),
    "round": lambda value: round(_number(value)),
    "floor": lambda value: math.floor(_number(value)),
    "ceil": lambda value: math.ceil(_number(value)),
    "min": lambda *values: min(_numbers(values)),
    "max": lambda *values: max(_numbers(values)),
    "count": _length,
    "any": lambda value: any(map(truthy, _list(value))),
    "all": lambda value: all(map(truthy, _list(value))),
    "sum": _sum,
    "average": lambda value: sum(_numbers((value,))) / len(_list(value)),
    "sqrt": _root,
    "pow": _power,
    "add": functools.partial(_arithmetic, "+"),
    "subtract": functools.partial(_arithmetic, "-"),
    "multiply": functools.partial(_arithmetic, "*"),
    "divide": functools.partial(_arithmetic, "/"),
    "days": _span(86_400),
    "hours": _span(3_600),
    "minutes": _span(60),
    "seconds": _span(1),
}
