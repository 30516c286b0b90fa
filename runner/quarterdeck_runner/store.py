"""The runner's own table, in the database of the engine: what a run is, and how far."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy

from quarterdeck_runner.database import Tables
from quarterdeck_runner.options import Options

_INSERTED: Final = (
    "id", "pipeline", "version", "file", "source", "steps_total", "created_ns", "kind", "engine", "owner",
)  # fmt: skip

Position = tuple[int, str]
"""Where a run is in the list: when it was made, in nanoseconds since the epoch, and its id."""

NOW: Final[Position] = ((1 << 63) - 1, "")
"""Before this are all runs."""

ACTIVE: Final = ("waiting", "running", "paused")
"""Statuses of runs that may still do something."""


@dataclass(frozen=True)
class RunRow:
    """One run, as kept; times in nanoseconds since the epoch, 0 for never."""

    id: str
    pipeline: str
    version: str
    file: str
    source: str
    inputs: dict[str, Any]
    steps_total: int
    status: str
    pending: str
    current_step: str
    steps_done: int
    error: str
    error_type: str
    output: Any
    created_ns: int
    started_ns: int
    completed_ns: int
    announced: int
    kind: str
    options: Options
    engine: str
    owner: str
    takeovers: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        status: ``completed`` or ``failed``.
        steps_done: how many steps are done.
        output: what it returns, as JSON knows it.
        error: why it failed; empty otherwise.
        error_type: class of the exception; empty otherwise.
    """

    status: str
    steps_done: int
    output: Any = None
    error: str = ""
    error_type: str = ""


class RunStore:
    """Runs in SQLite or Postgres; every method blocks for a moment and is safe in threads.

    Args:
        url: as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self._tables = Tables(url, "runs.sql")

    def open(self) -> None:
        """Make the tables if they are not there, and the columns that an earlier version did not know."""
        self._tables.open()
        with self._tables.begin() as connection:
            there = {column["name"] for column in sqlalchemy.inspect(connection).get_columns("quarterdeck_runs")}
            for name in ("kind", "options", "engine", "owner", "takeovers"):
                if name not in there:
                    connection.execute(self._tables.sql[f"add_{name}"])

    def close(self) -> None:
        """Give the connections back."""
        self._tables.close()

    def ping(self) -> None:
        """Ask the database for nothing, to learn whether it answers."""
        with self._tables.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))

    def insert(self, row: RunRow, reused: Mapping[str, Any] | None = None) -> None:
        """Keep a new run, and the results of an earlier one that it uses again, by step."""
        values = {name: getattr(row, name) for name in _INSERTED}
        values |= {"inputs": json.dumps(row.inputs), "options": json.dumps(row.options.plain())}
        found = (reused or {}).items()
        records = [{"id": row.id, "step": step, "record": json.dumps(record)} for step, record in found]
        with self._tables.begin() as connection:
            connection.execute(self._tables.sql["insert"], values)
            if records:
                connection.execute(self._tables.sql["insert_reused"], records)

    def reused(self, run_id: str) -> dict[str, Any]:
        """Results of an earlier run that a run uses again, by step."""
        return {found["step"]: json.loads(found["record"]) for found in self._tables.read("reused", id=run_id)}

    def get(self, run_id: str) -> RunRow | None:
        """A run by its id."""
        rows = self._read("get", id=run_id)
        return rows[0] if rows else None

    def newest(self, limit: int, *, active: bool, before: Position = NOW) -> list[RunRow]:
        """The newest runs before a position, newest first."""
        created_ns, run_id = before
        return self._read("active" if active else "newest", limit=limit, created_ns=created_ns, id=run_id)

    def unannounced(self, owner: str | None = None) -> list[RunRow]:
        """Runs whose end was not told yet: the open ones, and those that ended when the process did.

        Args:
            owner: only those that this runner looks after.
        """
        return self._read("unannounced") if owner is None else self._read("unannounced_of", owner=owner)

    def begin(self, run_id: str, owner: str = "") -> None:
        """A run starts, or goes on, in this runner."""
        self._write("begin", id=run_id, owner=owner, now=time.time_ns())

    def take_over(self, run_id: str, dead: str, owner: str, deaths: int) -> bool:
        """Look after a run of a runner that is gone, unless somebody else does."""
        return self._write("take_over", id=run_id, dead=dead, owner=owner, deaths=deaths) == 1

    def count_deaths(self) -> None:
        """Count one more death of the runner for the runs that it executed."""
        self._write("count_deaths")

    def release(self, owner: str) -> None:
        """A runner stops in peace: its runs are nobody's until it comes back."""
        self._write("release", owner=owner)

    def owned(self, owner: str) -> set[str]:
        """Ids of the runs that a runner looks after and has not told the end of."""
        return {found["id"] for found in self._tables.read("owned", owner=owner)}

    def step_begins(self, run_id: str, step: str, done: int) -> bool:
        """A step starts, unless something was asked of the run; ``done`` steps are behind it."""
        return self._write("step_begins", id=run_id, step=step, done=done) == 1

    def step_noted(self, run_id: str, step: str) -> None:
        """A program says in which step it is."""
        self._write("step_noted", id=run_id, step=step)

    def take_pause(self, run_id: str, done: int) -> bool:
        """Pause a running run if that was asked for; ``done`` steps are behind it."""
        return self._write("take_pause", id=run_id, done=done) == 1

    def change(self, name: str, run_id: str) -> bool:
        """Do one of the conditional changes of ``runs.sql``.

        Returns:
            Whether the run was in a state that allows it.
        """
        return self._write(name, id=run_id) == 1

    def cancel(self, run_id: str, owner: str = "") -> bool:
        """Mark a run cancelled, if it has not ended."""
        return self._write("cancel", id=run_id, owner=owner, now=time.time_ns()) == 1

    def finish(self, run_id: str, outcome: Outcome) -> bool:
        """Mark a run ended, if it runs."""
        changed = self._write(
            "finish",
            id=run_id,
            status=outcome.status,
            done=outcome.steps_done,
            error=outcome.error,
            error_type=outcome.error_type,
            output=json.dumps(outcome.output),
            now=time.time_ns(),
        )
        return changed == 1

    def mark_announced(self, run_ids: list[str]) -> None:
        """The end of these runs was told."""
        if run_ids:
            self._tables.write("mark_announced", [{"id": run_id} for run_id in run_ids])

    def _read(self, name: str, **values: Any) -> list[RunRow]:
        return [_row(found) for found in self._tables.read(name, **values)]

    def _write(self, name: str, **values: Any) -> int:
        return self._tables.write(name, values)


def _row(found: dict[str, Any]) -> RunRow:
    parsed = {name: json.loads(found[name]) for name in ("inputs", "output")}
    return RunRow(**{**found, **parsed, "options": Options(**json.loads(found["options"]))})
