"""What the commands of the console are made of: no collector is needed."""

from pathlib import Path

import pytest

from quarterdeck_console.agents.failures import cause
from quarterdeck_console.agents.models import Node
from quarterdeck_console.clickhouse import bindable
from quarterdeck_console.settings import SETTINGS
from quarterdeck_console.text import printable
from quarterdeck_console.times import moment

README = (Path(__file__).parents[2] / "README.md").read_text()
NOW = 1_795_600_000_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("10m", NOW - 600_000_000_000),
        ("1.5h", NOW - 5_400_000_000_000),
        ("2 d", NOW - 172_800_000_000_000),
        ("1970-01-02", 86_400_000_000_000),
        ("1970-01-01T00:00:01.5+00:00", 1_500_000_000),
        ("1970-01-01 02:00+02:00", 0),
    ],
)
def test_points_in_time_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert moment(text, NOW) == expected


def test_values_are_bound_as_clickhouse_reads_them() -> None:
    assert [bindable(value) for value in ("a\tb\\", 5, True, ["it's", "b\\"])] == [
        "a\\tb\\\\",
        "5",
        "true",
        "['it\\'s','b\\\\']",
    ]


def test_nothing_that_hides_or_steers_is_printable() -> None:
    assert printable("a\x1b[2J\u202eb\u200bc\r\nd\te é 漢 🙂") == "a·[2J·b·c\nd\te é 漢 🙂"


def test_every_setting_is_documented_in_the_readme() -> None:
    assert [each.variable for each in SETTINGS if f"`{each.variable}`" not in README] == []


def node(span: str, parent: str, kind: str, status: str, second: int, *, name: str = "") -> Node:
    return Node(
        span_id=span,
        parent_id=parent,
        depth=0,
        kind=kind,
        name=name or f"{kind} {span}",
        status=status,
        started=f"2026-11-24T22:00:{second:02}",
        seconds=1,
    )


RUN, STEP = node("r", "", "run", "failed", 0), node("s", "r", "step", "failed", 1)


@pytest.mark.parametrize(
    ("nodes", "cause_of_all"),
    [
        ([RUN], "r"),
        ([RUN, STEP], "s"),
        ([RUN, STEP, node("c", "s", "call", "failed", 2)], "c"),
        ([RUN, STEP, node("c", "s", "call", "failed", 2), node("d", "s", "call", "completed", 3)], "s"),
        ([RUN, STEP, node("c", "s", "call", "failed", 2), node("d", "s", "call", "completed", 2)], "c"),
        ([RUN, STEP, node("t", "r", "step", "failed", 5), node("c", "t", "call", "failed", 6)], "c"),
        ([RUN, node("s", "r", "step", "failed", 1, name="a"), node("t", "r", "step", "completed", 4, name="a")], "r"),
        ([RUN, node("s", "r", "step", "failed", 1, name="a"), node("t", "r", "step", "completed", 4, name="b")], "s"),
        ([node("r", "", "run", "completed", 0), node("s", "r", "step", "completed", 1)], None),
    ],
)
def test_the_cause_is_the_deepest_failure_that_was_not_made_good(nodes: list[Node], cause_of_all: str | None) -> None:
    found = cause(nodes)
    assert (found.span_id if found else None) == cause_of_all
