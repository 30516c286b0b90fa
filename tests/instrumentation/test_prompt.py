import gc
import pickle

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
