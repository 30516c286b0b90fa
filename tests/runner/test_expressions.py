import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_runner.conditions import combined, compute, holds
from quarterdeck_runner.expressions import ExpressionError, parse

VALUES: dict[str, Any] = {
    "a": 1,
    "b": "2",
    "text": "the quick brown fox",
    "items": ["x", "y", 3],
    "map": {"deep": {"list": [{"name": "found"}]}},
    "yes": True,
    "no": False,
    "empty": "",
    "zero": 0,
    "my-step": "hyphen",
    "numbers": [2, 4, 6],
    "flags": [True, False],
    "nothing": [],
    "now": 1000,
}


def lookup(path: tuple[Any, ...]) -> Any:
    value: Any = VALUES
    for segment in path:
        try:
            value = value[segment]
        except (LookupError, TypeError) as error:
            raise ExpressionError(f"nothing is called {segment}") from error
    return value


def value_of(text: str) -> Any:
    return compute(parse(text), lookup)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 1 and b == 2", True),
        ("a == 1 && b != 2", False),
        ("not a == 2", True),
        ("!no or no", True),
        ("no and nothing_here == 1", False),
        ("yes or nothing_here == 1", True),
        ("a + 2 * 3", 7),
        ("(a + 2) * 3", 9),
        ("10 / 4", 2.5),
        ("10 / 5", 2),
        ("-a + 1", 0),
        ("7 % 4 - 1", 2),
        ("'one' + \" two\"", "one two"),
        ("text contains 'quick'", True),
        ("items contains 3", True),
        ("'x' in items", True),
        ("map contains 'deep'", True),
        ("text matches '^the .* fox$'", True),
        ("text matches 'cat'", False),
        ("a between 0 and 1", True),
        ("b between 3 and 9", False),
        ("a between 0 and 1 and yes", True),
        ("map.deep.list[0].name == 'found'", True),
        ("{{ a }} == 1", True),
        ("'{{ text }}' contains 'fox'", True),
        ("{{ a + 1 }}", 2),
        ("yes ? 'left' : 'right'", "left"),
        ("no ? 1 : yes ? 2 : 3", 2),
        ("length(items) == 3", True),
        ("isEmpty(empty)", True),
        ("toUpperCase(trim('  ok '))", "OK"),
        ("startsWith(text, 'the') and endsWith(text, 'fox')", True),
        ("max(round(1.6), min(5, 9))", 5),
        ("max(numbers)", 6),
        ("min(3, 1, 2)", 1),
        ("sum(numbers) / count(numbers)", 4),
        ("average(numbers)", 4.0),
        ("any(items) and not all(flags)", True),
        ("sqrt(16)", 4.0),
        ("pow(2, 10)", 1024),
        ("pow(2, 0 - 1)", 0.5),
        ("add(1, multiply(2, subtract(5, divide(4, 2))))", 7),
        ("days(1) == hours(24) and minutes(2) == seconds(120)", True),
        ("now() - minutes(1)", 940),
        ("my-step == 'hyphen'", True),
        ("a-1", 0),
        ("yes == 'true'", True),
        ("yes == 1", False),
        ("null == nil", True),
        ("'it\\'s'", "it's"),
    ],
)
def test_what_an_expression_gives(text: str, expected: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression ends too early: a value is missing"),
        ("a ==", "the expression ends too early: a value is missing"),
        ("a b", "'b' was not expected here"),
        ("(a", "')' was expected, not the end"),
        ("a @ b", "'@ b' cannot be read"),
        (
            "__import__('os')",
            (
                "there is no function '__import__'; there are abs, add, all, any, average, ceil, count, days, divide, "
                "endsWith, floor, hours, isEmpty, length, max, min, minutes, multiply, now, pow, round, seconds, sqrt, "
                "startsWith, subtract, sum, toLowerCase, toUpperCase, trim"
            ),
        ),
        ("length()", "length() takes 1 argument(s), not 0"),
        ("a between 1", "'and' was expected, not the end"),
        ("(" * 60 + "a" + ")" * 60, "the expression is nested deeper than 40 levels"),
        ("a" * 2001, "the expression is longer than 2000 characters"),
        ("a / 0", "division by zero"),
        ("text < 1", "'the quick brown fox' and 1 cannot be compared"),
        ("items + 1", "['x', 'y', 3] is no number"),
        ("text matches '('", "'(' is no regular expression: missing ) at position 1"),
        ("length(a)", "1 has no length"),
        ("sum(a)", "1 is no list"),
        ("average(nothing)", "the list is empty"),
        ("sum(items)", "'x' is no number"),
        ("sqrt(0 - 1)", "-1 has no square root"),
        ("pow(10, 400)", "the number is too large"),
        ("min()", "min() takes 1 to 20 argument(s), not 0"),
        ("missing > 1", "nothing is called missing"),
    ],
)
def test_what_cannot_be_read_or_computed_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value_of(text)
    assert str(caught.value) == message


def test_a_pattern_of_exponential_cost_is_given_up() -> None:
    VALUES["trap"] = "a" * 40 + "!"
    began = time.monotonic()
    with pytest.raises(ExpressionError, match="takes longer than"):
        holds(parse("trap matches '^(a|aa|a?a)+$'"), lookup)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("a == 1", True),
        (["a == 1", "b == 3"], False),
        ({"or": ["a == 9", {"not": "no"}]}, True),
        ({"and": ["yes", {"or": ["no", "zero"]}]}, True),
    ],
)
def test_conditions_in_lists_and_maps(value: Any, expected: bool) -> None:
    assert holds(combined(value), lookup) is expected


@pytest.mark.parametrize("value", [{}, [], 3, None, {"xor": ["yes"]}, {"and": "yes"}])
def test_other_shapes_are_no_conditions(value: Any) -> None:
    with pytest.raises(ExpressionError, match="a condition is a text, a list"):
        combined(value)


@given(st.text(max_size=200))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        tree = parse(text)
    except ExpressionError:
        return
    try:
        compute(tree, lookup)
    except ExpressionError:
        return


numbers = st.integers(-1000, 1000)


@given(numbers, numbers, numbers)
def test_arithmetic_and_comparison_are_those_of_mathematics(one: int, two: int, three: int) -> None:
    assert value_of(f"{one} + {two} * {three}") == one + two * three
    assert value_of(f"({one} - {two}) - {three}") == one - two - three
    assert value_of(f"{one} < {two}") == (one < two)
    assert value_of(f"{one} between {two} and {three}") == (two <= one <= three)
    if three:
        assert math.isclose(value_of(f"{one} / {three}"), one / three)


@given(st.lists(st.sampled_from(["yes", "no"]), min_size=1, max_size=6), st.data())
def test_and_binds_tighter_than_or(words: list[str], data: st.DataObject) -> None:
    operators = [data.draw(st.sampled_from(["and", "or"])) for _ in words[1:]]
    text = words[0] + "".join(f" {op} {word}" for op, word in zip(operators, words[1:], strict=True))
    python = text.replace("yes", "True").replace("no", "False")
    assert value_of(text) is eval(python)  # noqa: S307 - Python itself is the judge, on words of our own


@given(st.text(st.characters(exclude_characters="\\'\"{}", exclude_categories=["Cs"]), max_size=50))
def test_a_quoted_text_is_itself(text: str) -> None:
    assert value_of(f"'{text}'") == text
