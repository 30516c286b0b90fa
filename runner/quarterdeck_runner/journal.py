"""What is finished inside the steps of a run, in the database of the engine."""

import json
from typing import Any, Final

from quarterdeck_runner.database import Tables

FILES: Final = "~files"
"""Path of the texts of nested pipelines: a run keeps those it was started with."""


class Journal:
    """Records by run and path, in SQLite or Postgres; every method blocks for a moment and is safe in threads.

    Args:
        url: as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self._tables = Tables(url, "journal.sql")

    def open(self) -> None:
        """Make the table if it is not there."""
        self._tables.open()

    def close(self) -> None:
        """Give the connections back."""
        self._tables.close()

    def put(self, run_id: str, path: str, record: dict[str, Any]) -> None:
        """Keep a record; a later one of the same path takes its place."""
        self._tables.write("put", {"run_id": run_id, "path": path, "record": json.dumps(record)})

    def get(self, run_id: str, path: str) -> dict[str, Any] | None:
        """The record of a path; ``None`` if there is none."""
        found = self._tables.read("get", run_id=run_id, path=path)
        return dict(json.loads(found[0]["record"])) if found else None

    def successes(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Every record of a run that is no failure, by path."""
        found = {each["path"]: json.loads(each["record"]) for each in self._tables.read("all", run_id=run_id)}
        return {path: record for path, record in found.items() if path != FILES and record.get("success")}
