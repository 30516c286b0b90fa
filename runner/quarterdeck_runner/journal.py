"""What is finished inside the steps of a run, in the database of the engine."""

import json
from typing import Any, Final

import sqlalchemy

from quarterdeck_runner.store import statements

FILES: Final = "~files"
"""Path of the texts of nested pipelines: a run keeps those it was started with."""


class Journal:
    """Records by run and path, in SQLite or Postgres; every method blocks for a moment and is safe in threads.

    Args:
        url: as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        local = url.startswith("sqlite")
        self._engine = sqlalchemy.create_engine(url, connect_args={"timeout": 30} if local else {})
        self._sql = statements("journal")

    def open(self) -> None:
        """Make the table if it is not there."""
        with self._engine.begin() as connection:
            connection.execute(self._sql["create_table"])

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def put(self, run_id: str, path: str, record: dict[str, Any]) -> None:
        """Keep a record; a later one of the same path takes its place."""
        values = {"run_id": run_id, "path": path, "record": json.dumps(record)}
        with self._engine.begin() as connection:
            connection.execute(self._sql["put"], values)

    def get(self, run_id: str, path: str) -> dict[str, Any] | None:
        """The record of a path; ``None`` if there is none."""
        with self._engine.connect() as connection:
            found = connection.execute(self._sql["get"], {"run_id": run_id, "path": path}).scalar_one_or_none()
        return None if found is None else dict(json.loads(found))
