"""Drafts of pipeline files, files of rows and what the tables show of them, from values made by hand."""

from typing import Any

import pytest

from quarterdeck.runner_types import Batch, BatchItem, Input
from quarterdeck_ui.pages.pipelines import batch_file, batch_follow, draft
from quarterdeck_ui.pages.pipelines.batch_file import Source
from quarterdeck_ui.pages.pipelines.draft import Version
from quarterdeck_ui.pages.pipelines.options_form import is_secret
from quarterdeck_ui.pages.pipelines.prompts_view import cost_range

FILE = Version("name: a\n", '"1"')
THEIRS = Version("name: a\nversion: 2\n", '"2"')


def field(name: str, kind: Any = "string", required: bool = False) -> Input:
    return {"name": name, "type": kind, "required": required, "default": None, "description": ""}


FIELDS = [field("word", required=True), field("Count-Of", "integer"), field("more", "object")]


def test_what_the_editor_says_of_an_earlier_text_is_too_late() -> None:
    opened = draft.put(draft.opened("a", FILE), "formatted")
    assert draft.typed(opened, {"text": "old", "etag": FILE.etag, "rev": 0}) == opened
    assert draft.typed(opened, {"text": "new", "etag": FILE.etag, "rev": 1}).text == "new"
    assert draft.typed(opened, None) == opened


def test_a_draft_that_waited_in_a_browser_names_the_file_that_it_began_with() -> None:
    found = draft.typed(draft.opened("a", THEIRS), {"text": "mine", "etag": FILE.etag, "rev": 0})
    assert (found.base, found.saved, found.is_changed) == (FILE.etag, THEIRS, True)


def test_a_conflict_ends_with_mine_as_a_change_of_theirs_or_with_theirs() -> None:
    mine = draft.typed(draft.opened("a", FILE), {"text": "mine", "etag": FILE.etag, "rev": 0})
    torn = draft.conflicting(mine, THEIRS)
    kept = draft.over_theirs(torn)
    assert (kept.text, kept.base, kept.saved, kept.theirs) == ("mine", THEIRS.etag, THEIRS, None)
    given_up = draft.as_theirs(torn)
    assert (given_up.text, given_up.base, given_up.is_changed, given_up.rev) == (THEIRS.text, THEIRS.etag, False, 1)


def test_columns_go_to_inputs_that_are_called_alike_and_keep_their_types() -> None:
    table = batch_file.read("rows.csv", b'\xef\xbb\xbfWord,count_of,note\n"a, b",3,x\n"two\nlines",,y\n')
    mapping = batch_file.guessed(table, FIELDS)
    assert mapping == {"word": Source("Word"), "Count-Of": Source("count_of")}
    assert batch_file.text_of(table, FIELDS, mapping) == 'word,Count-Of\n"a, b",3\n"two\nlines",\n'
    assert batch_file.inputs_of(table, FIELDS, mapping, 0) == {"word": "a, b", "Count-Of": 3}
    assert batch_file.inputs_of(table, FIELDS, mapping, 1) == {"word": "two\nlines"}
    fixed = {"word": Source("note"), "more": Source(value='{"k": 1}')}
    assert batch_file.inputs_of(table, FIELDS, fixed, 0) == {"word": "x", "more": {"k": 1}}
    assert batch_file.missing(FIELDS, {"more": Source(value="1")}) == ["word"]


def test_json_lines_keep_their_values() -> None:
    table = batch_file.read("rows.jsonl", b'{"word": "a", "n": [1]}\n\n{"word": 7}\n')
    assert table.columns == ("word", "n")
    mapping = {"word": Source("word"), "Count-Of": Source(value="5")}
    assert batch_file.text_of(table, FIELDS, mapping, 1) == '{"word": "a", "Count-Of": 5}\n'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"a,b\n1\n", "row 1 has another number of cells"),
        ("rows.csv", b"a,a\n1,2\n", "line 1 must name every column"),
        ("rows.csv", b"a\nb\xff\n", "line 2 is no UTF-8 text"),
        ("rows.csv", b"a\n", "the file has no rows"),
        ("rows.jsonl", b'{"a": 1}\n[1]\n', "line 2 is no JSON object"),
        ("rows.jsonl", b'{"a": 1}\n{\n', "line 2 is no JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(name: str, content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        batch_file.read(name, content)


def test_costs_are_said_as_a_range_and_never_as_nothing_where_they_are_not_known() -> None:
    assert cost_range(0.5, 2.0) == "likely $0.5000, at most $2.00"
    assert cost_range(None, 2.0).startswith("at most $2.00;")
    assert cost_range(None, None) == "cost unknown: the price of a model is not known"


@pytest.mark.parametrize(("name", "secret"), [("API_KEY", True), ("DB_PASSWORD", True), ("REGION", False)])
def test_values_that_look_like_secrets_are_masked(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_a_batch_says_how_far_it_is_and_shows_an_item_in_words() -> None:
    items = {"total": 1200, "pending": 150, "running": 10, "completed": 1000, "failed": 40, "cancelled": 0}
    batch: Any = {"status": "running", "items": items, "eta_seconds": 125.0, "items_per_minute": 77.0}
    said = batch_follow.progress_text(Batch(**batch))  # type: ignore[typeddict-item]  # the others do not matter
    assert said == "1,040 of 1,200 rows, 10 running, about 2 min left at 77 rows a minute"
    item: BatchItem = {
        "number": 1, "line": 2, "status": "failed", "inputs": {"word": "a", "n": [1]}, "output": None, "error": "no",
        "run_id": "r1", "attempts": 2, "variant": None, "model": None, "score": None, "verdict": None, "cost_usd": None,
        "input_tokens": 3, "output_tokens": 4, "duration_seconds": 1.5, "started_at": None, "completed_at": None,
    }  # fmt: skip
    assert batch_follow.rows([item]) == [
        {"line": 2, "status": "✕ failed", "in: word": "a", "in: n": "[1]", "output": "", "error": "no", "cost": None,
         "tokens": 7, "seconds": 1.5, "attempts": 2, "run": "/?run=r1"}
    ]  # fmt: skip
