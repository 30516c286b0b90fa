"""What an earlier version wrote, opened by the collector of today."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_ui.saved import Saved
from support.collectors import collector
from support.questions import QUESTIONS, answers, ask
from support.upgrades import FLAGS, SAVED, Written, checksums, reader, written

VERSIONS = written()


@pytest.mark.parametrize("before", VERSIONS, ids=lambda before: before.version)
def test_no_released_migration_is_edited_or_removed(before: Written) -> None:
    now = checksums()
    assert {version: now.get(version) for version in before.checksums} == before.checksums


@pytest.mark.parametrize("before", VERSIONS, ids=lambda before: before.version)
def test_runs_and_costs_are_what_they_were_and_every_page_answers(before: Written, tmp_path: Path) -> None:
    before.unpack(tmp_path / "data")
    with collector(tmp_path / "data", *FLAGS) as running:
        found = answers(reader(running), before.start)
        applied = ask(reader(running), "SELECT version FROM schema_migrations", {})
        with contextlib.closing(Saved(running.otlp)) as saved:
            kept = [each.body for each in saved.all("dashboard")]

    assert {row["version"] for row in applied} == {version for version in checksums() if ".cluster" not in version}
    assert found.keys() == QUESTIONS.keys()
    for name, rows in before.answers.items():
        assert without_new_columns(found[name], rows) == rows, name
    assert sum(row["total_cost"] for row in found["pipeline_executions"]) > 0
    assert kept == [SAVED]


def without_new_columns(found: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(({name: row[name] for name in rows[0]} for row in found), key=repr)
