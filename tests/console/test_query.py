"""``quarterdeck query`` as a person, a pipe and a script use it."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.tokens import Scope, TokenFile
from quarterdeck_console.query.command import main
from quarterdeck_console.query.questions import questions
from support import night
from support.collectors import CollectorProcess
from support.night import Night
from support.terminal import quarterdeck, terminal


class Asked:
    """``quarterdeck query`` in this process: what it answered."""

    def __init__(
        self, home: CollectorProcess, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._home, self._capfd, self._patch = home, capfd, monkeypatch
        self.said = ""

    def __call__(self, *words: str, given: str = "") -> int:
        """Give the exit code; what went to standard error is in ``said``."""
        self._patch.setattr(sys, "stdin", io.StringIO(given))
        code = main([*words, "--clickhouse-url", self._home.clickhouse])
        self.out, self.said = self._capfd.readouterr()
        return code

    def answer(self, *words: str, given: str = "") -> str:
        """Give what went to standard output; everything else has to be well."""
        assert (self(*words, given=given), self.said) == (0, "")
        return self.out


@pytest.fixture
def query(home: CollectorProcess, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(home, capfd, monkeypatch)


def test_every_ready_question_is_answered_and_listed_with_what_it_takes(query: Asked, told: Night) -> None:
    needed = {"run": [f"run={told.bad.id}"], "prompts": ["text=harbour"]}
    listing = query.answer("--list")
    for name, question in questions().items():
        given = needed.get(name, []) + ["since=30d" for each in question.parameters if each.name == "since"]
        answer = json.loads(query.answer(name, *(f"--param={pair}" for pair in given), "--format", "json"))
        assert answer, name
        assert f"{name:<9} {question.about}" in listing
        assert set(re.findall(r"\{([a-z_]+):", question.sql)) == {each.name for each in question.parameters}
        assert all(f"{each.name:<9} {each.help}" in listing for each in question.parameters)


def test_last_nights_failure_is_one_question_away(query: Asked, told: Night) -> None:
    words = ("runs", "-p", f"pipeline={night.PIPELINE}", "-p", "status=failed", "-o", "csv")
    (row,) = csv.DictReader(io.StringIO(query.answer(*words)))
    assert (row["run"], row["error"], row["calls"], row["cost_usd"]) == (told.bad.id, "JSONDecodeError", "2", "0.01656")


def test_a_person_sees_a_table_that_cannot_steer_the_terminal(home: CollectorProcess) -> None:
    sql = "SELECT number AS n, 'a\x1b[2Jb' AS text FROM numbers(2)"
    with terminal("query", sql, "--clickhouse-url", home.clickhouse) as screen:
        assert screen.end() == 0
    assert screen.written.replace("\r\n", "\n") == ("┌─n─┬─text─┐\n│ 0 │ a·[2Jb   │\n│ 1 │ a·[2Jb   │\n└───┴──────┘\n")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("json", '[\n{"n":0,"s":"a,b"},\n{"n":1,"s":"a,b"}\n]\n'),
        ("jsonl", '{"n":0,"s":"a,b"}\n{"n":1,"s":"a,b"}\n'),
        ("csv", '"n","s"\n0,"a,b"\n1,"a,b"\n'),
        ("tsv", "n\ts\n0\ta,b\n1\ta,b\n"),
        ("markdown", "| n | s |\n|-:|:-|\n| 0 | a,b |\n| 1 | a,b |\n"),
        ("TabSeparatedRaw", "0\ta,b\n1\ta,b\n"),
    ],
)
def test_answers_come_in_the_shape_that_is_asked_for(query: Asked, shape: str, expected: str) -> None:
    sql = "SELECT number AS n, 'a,b' AS s FROM numbers(5)"
    assert query.answer(sql, "--format", shape, "--limit", "2") == expected


def test_sql_comes_from_standard_input_and_from_files(query: Asked, tmp_path: Path) -> None:
    file = tmp_path / "question.sql"
    file.write_text("SELECT {word:String} AS word, {all:Array(String)} AS words")
    given = ("--param", "word=tab\tback\\slash 'é' {x}", "--param", "all=['a','b']", "-o", "jsonl")
    expected = [{"word": "tab\tback\\slash 'é' {x}", "words": ["a", "b"]}]
    assert [json.loads(query.answer("--file", str(file), *given))] == expected
    assert [json.loads(query.answer("-", *given, given=file.read_text()))] == expected
    assert [json.loads(query.answer(*given, given=file.read_text()))] == expected


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 FROM nowhere", "UNKNOWN_TABLE (code 60): Unknown table expression identifier 'nowhere'"),
        ("SELECT 1 FROM nowhere", "'quarterdeck query tables' lists what there is"),
        ("SELECT 1,\nx y z\nFROM runs", "\n  x y z\n      ^"),
        ("DROP TABLE runs", "READONLY (code 164)"),
        ("SELECT * FROM url('http://127.0.0.1:1')", "READONLY (code 164)"),
        ("SELECT {x:String}", "UNKNOWN_QUERY_PARAMETER (code 456)"),
        (
            "SELECT throwIf(number = 3000000, 'late') FROM numbers(9000000)",
            "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO (code 395): late",
        ),
    ],
)
def test_what_clickhouse_refuses_is_said_with_its_code(query: Asked, sql: str, said: str) -> None:
    assert query(sql, "-o", "csv") == 1
    assert query.said.startswith("quarterdeck query: ")
    assert said in query.said
    assert "DB::Exception" not in query.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "there is no question 'nonsense'; there are calls, costs,"),
        (("costs", "--param", "by=mood"), "by is 'mood', not pipeline or step or"),
        (("costs", "--param", "mood=good"), "costs has no parameter mood; it has since, until, by,"),
        (("costs", "--param", "by"), "--param by: write it as name=value"),
        (("run",), "run needs --param run=…"),
        (("runs", "--param", "since=soon"), "since: 'soon' is no time"),
        (("--file", "/nowhere.sql"), "/nowhere.sql cannot be read: No such file or directory"),
        (("-",), "the query is empty"),
    ],
)
def test_a_wrong_question_is_answered_with_what_would_be_right(query: Asked, words: tuple[str, ...], said: str) -> None:
    assert (query(*words), query.out) == (2, "")
    assert said in query.said


def test_a_reader_who_has_enough_ends_the_query_quietly(home: CollectorProcess) -> None:
    words = [
        sys.executable,
        "-m",
        "quarterdeck",
        "query",
        "SELECT * FROM numbers(9000000)",
        "--clickhouse-url",
        home.clickhouse,
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"number\n"
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


def test_without_clickhouse_query_says_what_to_do_and_keeps_passwords_to_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs", "--clickhouse-url", "http://me:hunter2@127.0.0.1:9"]) == 1
    said = capsys.readouterr().err
    assert "http://127.0.0.1:9 does not answer (connection refused): start it with 'quarterdeck up'" in said
    assert "hunter2" not in said


@pytest.fixture
def guarded(home: CollectorProcess) -> Iterator[str]:
    """A token without which the collector lets nobody in, for one test."""
    tokens = TokenFile(home.log.with_suffix("") / "tokens.json")
    yield tokens.create("reader", [Scope.READ])
    tokens.revoke("reader")


def test_a_collector_that_asks_for_a_token_gets_it_from_the_environment(home: CollectorProcess, guarded: str) -> None:
    for words in (
        ("query", "SELECT 1", "--clickhouse-url", home.clickhouse),
        ("tail", "--no-follow", "--endpoint", home.otlp),
    ):
        refused = quarterdeck(*words)
        assert refused.returncode == 1
        assert (
            "'quarterdeck token create --name me --scope read' makes a token; set QUARTERDECK_TOKEN" in refused.stderr
        )
        assert quarterdeck(*words, QUARTERDECK_TOKEN=guarded).returncode == 0
