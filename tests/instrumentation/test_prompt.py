import gc
import pickle
import sys

import pytest

import quarterdeck as qd
from quarterdeck.prompt import RenderedPrompt, remembered


def test_a_rendered_prompt_is_a_text_that_knows_where_it_came_from() -> None:
    prompt = qd.Prompt("Summarise {text} in {n:02d} {{words}}: {item[0]!r}", source="sum.txt")
    text = prompt.render(text="the sea", n=7, item=["x"])
    assert text == "Summarise the sea in 07 {words}: 'x'"
    assert isinstance(text, str)
    assert text.template == prompt.template
    assert text.variables == {"text": "the sea", "n": "7", "item": '["x"]'}
    assert [(part["kind"], part["source"], part["text"]) for part in text.parts] == [
        ("static", "sum.txt", "Summarise "),
        ("variable", "text", "the sea"),
        ("static", "sum.txt", " in "),
        ("variable", "n", "07"),
        ("static", "sum.txt", " {"),
        ("static", "sum.txt", "words}"),
        ("static", "sum.txt", ": "),
        ("variable", "item[0]", "'x'"),
    ]


def test_a_prompt_inside_a_prompt_keeps_its_parts() -> None:
    inner = RenderedPrompt([{"kind": "previous_response", "source": "steps.a", "text": "old"}])
    text = qd.Prompt("See {x}").render(x=inner)
    assert [part["kind"] for part in text.parts] == ["static", "previous_response"]


def test_a_copy_of_the_text_is_recognised_while_the_prompt_lives() -> None:
    text = qd.Prompt("only {x}").render(x="here")
    copy = "".join(list(text))
    assert type(copy) is str
    assert remembered(copy) is text
    assert remembered("something else") is None
    del text
    gc.collect()
    assert remembered(copy) is None


@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "missing: x"), ({"x": 1, "y": 2}, "unknown: y"), ({"y": 1}, "missing: x; unknown: y")],
)
def test_variables_that_do_not_fit_are_refused(variables: dict[str, int], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        qd.Prompt("{x}").render(**variables)


@pytest.mark.parametrize("template", ["{}", "{0}", "{", "a } b"])
def test_templates_without_names_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"has no name|expected|Single"):
        qd.Prompt(template)


def test_a_rendered_prompt_travels_between_processes_as_a_text() -> None:
    text = qd.Prompt("a {x}").render(x="b")
    assert pickle.loads(pickle.dumps(text)) == "a b"  # noqa: S301 - our own bytes


def shown(text: RenderedPrompt) -> list[tuple[str, str]]:
    """Every part as source (or nothing for the template's own) and exact text."""
    assert [text[start:end] for start, end, _ in text.spans] == [part["text"] for part in text.parts]
    return [(part["source"] if part["kind"] != "static" else "", text[start:end]) for start, end, part in text.spans]


def test_nested_format_fields_and_repeated_variables_are_exact() -> None:
    text = qd.Prompt("{n:>{width}}|{n}|{name!r:^8}").render(n=7, width=4, name="x")
    assert text == "   7|7|  'x'   "
    assert shown(text) == [("n", "   7"), ("", "|"), ("n", "7"), ("", "|"), ("name", "  'x'   ")]
    assert qd.Prompt("{n:>{width}}").fields == ("n", "width")
    assert text.part_at(0)["source"] == "n"
    assert text.part_at(-1)["source"] == "name"


def test_jinja_templates_know_which_expression_supplied_which_characters() -> None:
    prompt = qd.Prompt(
        "{% set title = heading | upper %}{{ title }}:\n"
        "{% for item in items %}- {{ item.name }} ({{ loop.index }})\n{% endfor %}"
        "{% macro quoted(x) %}<{{ x }}>{% endmacro %}{{ quoted(note) }}{{ inner }}{{ 'const' }}",
        syntax="jinja2",
        source="p.j2",
    )
    inner = qd.Prompt("see {x}").render(x="there")
    text = prompt.render(heading="two", items=[{"name": "a"}, {"name": "b"}], note="n", inner=inner)
    assert text == "TWO:\n- a (1)\n- b (2)\n<n>see thereconst"
    assert prompt.fields == ("heading", "items", "note", "inner")
    assert shown(text) == [
        ("title", "TWO"),
        ("", ":\n"),
        ("", "- "),
        ("item.name", "a"),
        ("", " ("),
        ("loop.index", "1"),
        ("", ")\n"),
        ("", "- "),
        ("item.name", "b"),
        ("", " ("),
        ("loop.index", "2"),
        ("", ")\n"),
        ("", "<"),
        ("x", "n"),
        ("", ">"),
        ("", "see "),
        ("x", "there"),
        ("", "const"),
    ]
    with pytest.raises(TypeError, match="missing: heading"):
        prompt.render(items=[], note="", inner="")
    with pytest.raises(ValueError, match="line 1"):
        qd.Prompt("{% if %}", syntax="jinja2")
    with pytest.raises(ValueError, match="syntax must be"):
        qd.Prompt("x", syntax="mustache")  # type: ignore[arg-type] # the wrong word is the test


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python has template strings since 3.14")
def test_template_strings_bring_their_values_along() -> None:
    names: dict[str, object] = {"text": "the sea", "n": 7, "qd": qd}
    text = eval("qd.Prompt(t'Sum {text!r} in {n:03d} {{}}').render()", names)  # noqa: S307 - older parsers refuse the syntax
    assert text == "Sum 'the sea' in 007 {}"
    assert text.template == "Sum {text!r} in {n:03d} {{}}"
    assert text.variables == {"text": "the sea", "n": "7"}
    assert shown(text) == [("", "Sum "), ("text", "'the sea'"), ("", " in "), ("n", "007"), ("", " {}")]


def test_what_is_no_template_is_refused() -> None:
    with pytest.raises(ValueError, match="not int"):
        qd.Prompt(3)


def test_slices_and_sums_are_ordinary_texts() -> None:
    text = qd.Prompt("a {x} c").render(x="b")
    results = [text[1:3], text + "!", "!" + text, text.upper(), f"{text}", text.strip()]
    assert [type(result) for result in results[:4]] == [str] * 4
    assert results == [" b", "a b c!", "!a b c", "A B C", "a b c", "a b c"]
    assert isinstance(hash(text), int)
    assert remembered(f"{text}") is text
