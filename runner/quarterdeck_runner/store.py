"""The runner's own table, in the database of the engine: what a run is, and how far."""

import json
import re
import time
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import sqlalchemy

_STATEMENT: Final = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name:|\Z)", re.MULTILINE | re.DOTALL)

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
        local = url.startswith("sqlite")
        self._engine = sqlalchemy.create_engine(url, connect_args={"timeout": 30} if local else {})
        text = resources.files("quarterdeck_runner").joinpath("sql/runs.sql").read_text("utf-8")
        self._sql = {name: sqlalchemy.text(body.strip()) for name, body in _STATEMENT.findall(text)}

    def open(self) -> None:
        """Make the table if it is not there."""
        self._write("create_table")
        self._write("create_index")

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def ping(self) -> None:
        """Ask the database for nothing, to learn whether it answers."""
        with self._engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))

    def insert(self, row: RunRow) -> None:
        """Keep a new run."""
        self._write(
            "insert",
            id=row.id,
            pipeline=row.pipeline,
            version=row.version,
            file=row.file,
            source=row.source,
            inputs=json.dumps(row.inputs),
            steps_total=row.steps_total,
            created_ns=row.created_ns,
        )

    def get(self, run_id: str) -> RunRow | None:
        """A run by its id."""
        rows = self._read("get", id=run_id)
        return rows[0] if rows else None

    def newest(self, limit: int, *, active: bool) -> list[RunRow]:
        """The newest runs, newest first."""
        return self._read("active" if active else "newest", limit=limit)

    def unannounced(self) -> list[RunRow]:
        """Runs whose end was not told yet: the open ones, and those that ended when the process did."""
        return self._read("unannounced")

    def begin(self, run_id: str) -> None:
        """A waiting run starts."""
        self._write("begin", id=run_id, now=time.time_ns())

    def step_begins(self, run_id: str, step: str, done: int) -> None:
        """A step starts; ``done`` steps are behind it."""
        self._write("step_begins", id=run_id, step=step, done=done)

    def take_pause(self, run_id: str, done: int) -> bool:
        """Pause a running run if that was asked for; ``done`` steps are behind it."""
        return self._write("take_pause", id=run_id, done=done) == 1

    def change(self, name: str, run_id: str) -> bool:
        """Do one of the conditional changes of ``runs.sql``.

        Returns:
            Whether the run was in a state that allows it.
        """
        return self._write(name, id=run_id) == 1

    def cancel(self, run_id: str) -> bool:
        """Mark a run cancelled, if it has not ended."""
        return self._write("cancel", id=run_id, now=time.time_ns()) == 1

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
        for run_id in run_ids:
            self._write("mark_announced", id=run_id)

    def _read(self, name: str, **values: Any) -> list[RunRow]:
        with self._engine.connect() as connection:
            return [_row(dict(found)) for found in connection.execute(self._sql[name], values).mappings()]

    def _write(self, name: str, **values: Any) -> int:
        with self._engine.begin() as connection:
            return connection.execute(self._sql[name], values).rowcount


def _row(found: dict[str, Any]) -> RunRow:
    return RunRow(**{**found, "inputs": json.loads(found["inputs"]), "output": json.loads(found["output"])})
