"""Rows of a batch: what is read, and what is said of those that do not fit."""

from typing import Any

import pytest

from quarterdeck_runner import batch_rows
from quarterdeck_runner.batch_rows import Format, Row, RowProblem, read
from quarterdeck_runner.spec import InputSpec

SPECS = (
    InputSpec("topic", "string", None, required=True, description=""),
    InputSpec("count", "integer", 3, required=False, description=""),
    InputSpec("deep", "boolean", default=False, required=False, description=""),
    InputSpec("tags", "array", [], required=False, description=""),
)


def filled(line: int, topic: str, count: int = 3, *, deep: bool = False, tags: tuple[str, ...] = ()) -> Row:
    return Row(line, {"topic": topic, "count": count, "deep": deep, "tags": list(tags)})


@pytest.mark.parametrize(
    ("content", "form", "rows"),
    [
        (
            'topic,count,deep,tags\ntides,5,true,"[""a"", ""b""]"\nrain,,,\n',
            "csv",
            [filled(2, "tides", 5, deep=True, tags=("a", "b")), filled(3, "rain")],
        ),
        ("\ufefftopic;count\r\ntides;7\r\n", "csv", [filled(2, "tides", 7)]),
        ("count\ttopic\n7\ttides, or rain\n", "csv", [filled(2, "tides, or rain", 7)]),
        ('topic\n"two\nlines"\n\nlast', "csv", [filled(2, "two\nlines"), filled(5, "last")]),
        ("topic\n007\n", "csv", [filled(2, "007")]),
        (
            '{"topic": "tides", "count": 5}\n\n{"topic": "a\u2028b"}',
            "jsonl",
            [filled(1, "tides", 5), filled(3, "a\u2028b")],
        ),
        ([{"topic": "tides", "count": None}], "list", [filled(1, "tides")]),
    ],
)
def test_rows_become_complete_inputs(content: Any, form: Format, rows: list[Row]) -> None:
    assert read(content, form, SPECS) == (rows, [])


EXPECTED = "the first line must name the columns: topic, count, deep, tags"


@pytest.mark.parametrize(
    ("content", "form", "problems"),
    [
        (
            "topic,count\ntides,many\n,2\na,b,c\nfine,1\nx,1.5\n",
            "csv",
            [
                RowProblem(2, "count", "must be of type integer, not 'many'"),
                RowProblem(3, "topic", "needs a value of type string"),
                RowProblem(4, "", "has 3 cells, but there are 2 columns: topic, count"),
                RowProblem(6, "count", "must be of type integer, not '1.5'"),
            ],
        ),
        (
            "topci,count,count,\n",
            "csv",
            [
                RowProblem(1, "topci", f"the pipeline has no input 'topci'; did you mean 'topic'?; {EXPECTED}"),
                RowProblem(1, "count", "two columns are called 'count'"),
                RowProblem(1, "", "column 4 has no name"),
            ],
        ),
        ("", "csv", [RowProblem(1, "", EXPECTED)]),
        ("topic\n", "csv", [RowProblem(1, "", "there are no rows: give at least one")]),
        ('topic\nfine\n"open', "csv", [RowProblem(3, "", "this is no CSV: unexpected end of data")]),
        (
            '{"topic": "x"}\n{"topic": \n[1]\n{"topic": "y", "count": true}\n',
            "jsonl",
            [
                RowProblem(
                    2,
                    "",
                    "is no JSON (Expecting value: line 1 column 11 (char 10)): "
                    'it must be an object such as {"topic": "tides"}',
                ),
                RowProblem(3, "", "must be an object such as {\"topic\": \"tides\"}, not '[1]'"),
                RowProblem(4, "count", "must be of type integer, not boolean"),
            ],
        ),
        ([{"topic": 1}, "x"], "list", [
            RowProblem(1, "topic", "must be of type string, not integer"),
            RowProblem(2, "", "must be an object such as {\"topic\": \"tides\"}, not 'x'"),
        ]),
        ([{"topic": "\ud800"}, {"topic": "x", "count": float("nan")}], "list", [
            RowProblem(1, "", "holds half of a character (a lone surrogate): it is no Unicode text"),
            RowProblem(2, "", "holds a number that JSON does not know (NaN or infinity), or is nested too deep"),
        ]),
        ("topic,count\nx,NaN\n", "csv", [RowProblem(2, "count", "must be of type integer, not 'NaN'")]),
        ([], "list", [RowProblem(1, "", "there are no rows: give at least one")]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_line(content: Any, form: Format, problems: list[RowProblem]) -> None:
    assert read(content, form, SPECS)[1] == problems


def test_shared_inputs_hold_where_a_row_gives_none() -> None:
    rows, problems = read("topic,count\na,\nb,2\n", "csv", SPECS, {"count": 9, "deep": True})
    assert (rows, problems) == ([filled(2, "a", 9, deep=True), filled(3, "b", 2, deep=True)], [])


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_rows, "MAX_ROWS", 3)
    assert read("topic\na\nb\nc\n", "csv", SPECS)[1] == []
    assert read("topic\na\nb\nc\nd\n", "csv", SPECS)[1] == [
        RowProblem(0, "", "there are more than 3 rows: make several batches of them")
    ]
