from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_runner.expressions import ExpressionError, Segment
from quarterdeck_runner.scope import Scope
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.template import TemplateError, render, render_strict, render_value, split

PIPELINE = Pipeline("test", "1", "", Path("test.yaml"), (), {"tone": "calm"}, "", ())
NOW = 1_790_000_000_000_000_000


@pytest.fixture
def scope() -> Scope:
    scope = Scope(PIPELINE, "run-1", NOW, {"topic": "tides", "depth": 3})
    scope.finished("check", {"success": True, "text": 'Here:\n```json\n{"score": 8, "content": "inner"}\n```'})
    scope.finished(
        "both",
        {
            "success": True,
            "text": "{}",
            "data": {"one": "first", "two": '{"n": 2}'},
            "results": {"one": {"text": "first"}, "two": {"text": '{"n": 2}'}},
        },
    )
    scope.finished("set", {"success": True, "text": "", "variables": {"count": 4, "topic_of_day": "x"}})
    scope.finished("plain-text", {"success": True, "text": "words", "model": "m"})
    return scope


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ inputs.topic }} {{inputs.depth}}", "tides 3"),
        ("{{ topic }}", "tides"),
        ("{{ steps.check.score }}|{{ check.score }}|{{ steps.check.result.score }}", "8|8|8"),
        ("{{ check.content }}", "inner"),
        ("{{ plain-text }}|{{ plain-text.output }}|{{ steps.plain-text.result }}", "words|words|words"),
        ("{{ plain-text.content }}|{{ plain-text.model }}", "words|m"),
        ("{{ previous_response:plain-text }}|{{ previous_response:check.score }}", "words|8"),
        ("{{ both.one }}|{{ both.two.n }}", "first|2"),
        ("{{ both }}", '{\n  "one": "first",\n  "two": "{\\"n\\": 2}"\n}'),
        ("{{ state.count }} {{ variables.count }} {{ global_vars.count }} {{ count + 1 }}", "4 4 4 5"),
        ("{{ state.tone }}", "calm"),
        (
            "{{ workflow.name }} {{ execution_id }} {{ timestamp }} {{ date }}",
            "test run-1 2026-09-21T14:13:20+00:00 2026-09-21",
        ),
        ("no template {here} }}", "no template {here} }}"),
        ("{{ first_step.output }} and {{ nothing here }}", "{{ first_step.output }} and {{ nothing here }}"),
        ("{{ check.nothing }}", "{{ check.nothing }}"),
    ],
)
def test_what_templates_mean(scope: Scope, template: str, expected: str) -> None:
    assert "".join(piece.text for piece in render(template, scope.lookup)) == expected


def test_what_is_left_as_it_is_says_why(scope: Scope) -> None:
    pieces = render("a {{ nope.x }} {{ 1 + }} b", scope.lookup)
    assert [(piece.text, piece.problem) for piece in pieces] == [
        ("a ", ""),
        ("{{ nope.x }}", "nothing is called 'nope.x'"),
        (" ", ""),
        ("{{ 1 + }}", "the expression ends too early: a value is missing"),
        (" b", ""),
    ]


def test_a_path_must_be_complete(scope: Scope) -> None:
    assert render_strict("out/{{ topic }}.md", scope.lookup) == "out/tides.md"
    with pytest.raises(TemplateError, match=r"\{\{ nope \}\} has no value"):
        render_strict("out/{{ nope }}.md", scope.lookup)


def test_a_single_template_keeps_the_type_of_its_value(scope: Scope) -> None:
    given = {"n": "{{ count + 1 }}", "all": ["{{ both }}", "n={{ count }}"], "left": "{{ nope }}", "k": 3}
    assert render_value(given, scope.lookup) == {
        "n": 5,
        "all": [{"one": "first", "two": '{"n": 2}'}, "n=4"],
        "left": "{{ nope }}",
        "k": 3,
    }


anything = st.text(max_size=60)
braces = st.lists(st.sampled_from(["{{", "}}", "{", "}", " a ", "b", "\n", "''"]), max_size=12).map("".join)


@given(st.one_of(anything, braces))
def test_a_text_taken_apart_is_itself(text: str) -> None:
    assert "".join(part if isinstance(part, str) else part.raw for part in split(text)) == text


@given(st.one_of(anything, braces), st.one_of(anything, braces), st.one_of(anything, braces))
def test_what_is_filled_in_is_never_rendered_again(before: str, value: str, after: str) -> None:
    def lookup(path: tuple[Segment, ...]) -> Any:
        if path == ("value",):
            return value
        raise ExpressionError("nothing else is known")

    frame = [text.replace("{", "(").replace("}", ")") for text in (before, after)]
    found = "".join(piece.text for piece in render(f"{frame[0]}{{{{ value }}}}{frame[1]}", lookup))
    assert found == f"{frame[0]}{value}{frame[1]}"


@given(st.one_of(anything, braces))
def test_without_values_a_text_stays_as_it_is(text: str) -> None:
    def lookup(_: tuple[Segment, ...]) -> Any:
        raise ExpressionError("nothing is known")

    pieces = render(text, lookup)
    unresolved = "".join(piece.slot.raw if piece.slot and piece.problem else piece.text for piece in pieces)
    assert len(unresolved) <= len(text)
    assert all(piece.text == piece.slot.raw for piece in pieces if piece.slot and piece.problem)
