"""The prompt debugger's pure parts: conversations, data sets, changes of a replay, verdicts."""

import json

import pytest

from quarterdeck_ui.pages.debugger.conversation import Conversation, Part, answer_of, recorded
from quarterdeck_ui.pages.debugger.data_sets import FileError, read, rows_of
from quarterdeck_ui.pages.debugger.draft import inputs_of
from quarterdeck_ui.pages.debugger.replaying import changes, holder
from quarterdeck_ui.pages.debugger.results import verdict
from quarterdeck_ui.pages.debugger.sending import against, money
from quarterdeck_ui.span_view import SpanView


def view(**texts: object) -> SpanView:
    return SpanView(
        "5343acf2ab3be338",
        live=False,
        texts={name: json.dumps(text) for name, text in texts.items()},
        parameters={},
        usage={},
    )


def text(role: str, content: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def test_a_recorded_call_can_be_asked_again_and_with_other_values() -> None:
    parts = [
        {"kind": "static", "source": "line 3", "text": "Tell "},
        {"kind": "variable", "source": "who", "text": "Ada"},
        {"kind": "static", "source": "line 3", "text": " of tides, "},
        {"kind": "variable", "source": "who", "text": "Ada"},
    ]
    asked = recorded(
        view(
            system=[{"type": "text", "content": "Be brief."}],
            input=[text("user", "Hello"), text("assistant", "Hi."), text("user", "Tell Ada of tides, Ada")],
            output=[text("assistant", "Ada, …")],
            parts=parts,
        )
    )
    assert (asked.system, asked.variables) == ("Be brief.", {"who": "Ada"})
    assert asked.filled({"who": "Bo"}).messages() == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Tell Bo of tides, Bo"},
    ]
    assert asked.filled({}) == asked
    assert asked.asking(asked.question) is asked
    assert asked.asking("And?").parts == (Part("static", "", "And?"),)
    assert answer_of(view(output=[text("model", "Ada, …")])) == "Ada, …"


def test_what_cannot_be_sent_as_text_is_named() -> None:
    picture = {"type": "blob", "mime_type": "image/png"}
    result = {"type": "tool_call_response", "response": {"tide": "neap"}}
    asked = recorded(view(input=[{"role": "user", "parts": [picture, {"type": "text", "content": "See"}, result]}]))
    assert asked == Conversation("", (), (Part("static", "", 'See\n{"tide": "neap"}'),), ("blob",))


def test_parts_that_are_not_the_question_do_not_stand_for_it() -> None:
    asked = recorded(view(input=[text("user", "cut …")], parts=[{"kind": "static", "source": "", "text": "whole"}]))
    assert asked.parts == (Part("static", "", "cut …"),)
    assert recorded(view()).messages() == []
    plain = SpanView("a", live=False, texts={"input": "just text", "system": "Be kind."}, parameters={}, usage={})
    assert (recorded(plain).question, recorded(plain).system) == ("just text", "Be kind.")


def test_an_answer_that_was_begun_stays_before_an_empty_question() -> None:
    asked = recorded(view(input=[text("user", "List"), text("assistant", "1.")]))
    assert (asked.before, asked.question) == ((("user", "List"), ("assistant", "1.")), "")


def test_rows_come_from_files_and_from_the_editor() -> None:
    assert read("a.csv", "topic,n\ntides,1\n".encode("utf-8-sig")) == [{"topic": "tides", "n": "1"}]
    assert read("a.jsonl", b'{"topic": "tides"}\n\n{"topic": "rain"}\n') == [{"topic": "tides"}, {"topic": "rain"}]
    assert rows_of({"a": ["x", "", None], "b": ["", "", "y"]}) == [{"a": "x"}, {"b": "y"}]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"\xff\xfe", "is not UTF-8"),
        ("a.csv", b"topic\n", "has 0 rows"),
        ("a.csv", b"topic\na,b\n", "more values than the first line names"),
        ("a.jsonl", b'{"a": 1}\n{', "line 2: this is no JSON"),
        ("a.jsonl", b"[1]", "line 1: this is no object"),
    ],
)
def test_a_file_without_rows_is_refused_with_its_line(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(FileError, match=reason):
        read(name, content)


def test_a_call_of_a_branch_leads_to_the_step_that_has_it() -> None:
    steps = {"sort": {"name": "sort"}, "prepare": {"name": "prepare", "parallel_tasks": [{"id": "answer"}]}}
    assert [holder(steps, name) for name in ("sort", "answer", "gone", "")] == ["sort", "prepare", "", ""]


def test_a_prediction_is_held_against_what_the_call_took() -> None:
    predicted = {"input": {"tokens": 110}, "output": {"tokens": 50}, "cost_usd": 0.002}
    answer = {"input_tokens": 100, "output_tokens": 50, "cost_usd": 0.0016}
    assert against(predicted, answer) == (
        "Against the prediction: tokens in 100, predicted 110 (+10 %); tokens out 50, as predicted; "
        "cost $0.0016, predicted $0.0020 (+25 %)."
    )
    unknown = {"input": {"tokens": 100}, "output": None, "cost_usd": None}
    assert against(unknown, answer | {"cost_usd": None}) == (
        "Against the prediction: tokens in 100, as predicted; tokens out 50, not predicted."
    )


def test_only_what_a_reader_changed_is_replayed_differently() -> None:
    known = {"prompt": "a", "model": "haiku"}
    assert changes(known, "prompt: b\nmodel: haiku\n") == {"prompt": "b"}
    assert changes(known, "prompt: a\n") == {"model": None}
    assert changes(known, "") == {"prompt": None, "model": None}
    with pytest.raises(ValueError, match="no YAML"):
        changes(known, "prompt: [")
    with pytest.raises(ValueError, match="keys and values"):
        changes(known, "just words")


@pytest.mark.parametrize(
    ("metric", "mean", "chance", "said"),
    [
        ("score", 0.2, 0.01, "▲ better"),
        ("score", -0.2, 0.01, "▼ worse"),
        ("cost_usd", -0.2, 0.01, "▲ better"),
        ("cost_usd", -0.2, 0.2, "≈ no difference shown"),
        ("cost_usd", -0.2, None, "≈ no difference shown"),
    ],
)
def test_a_difference_counts_only_if_it_is_unlikely_by_chance(
    metric: str, mean: float, chance: float | None, said: str
) -> None:
    assert verdict(metric, {"mean": mean, "p_value": chance}) == said


def test_inputs_of_a_template_and_small_amounts_of_money() -> None:
    assert inputs_of("{{ inputs.a }} {{ length(inputs.b) }} {{ steps.x }} inputs.c {{ inputs.a }}") == ["a", "b"]
    assert [money(each) for each in (None, 12.345, 0.0123, 0.00001234)] == ["unknown", "$12.35", "$0.0123", "$0.000012"]
