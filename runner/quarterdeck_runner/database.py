"""Tables of the runner, in the SQLite file or Postgres database of the engine; their statements are in ``sql/``."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

import sqlalchemy

_STATEMENT: Final = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name:|\Z)", re.MULTILINE | re.DOTALL)
_BUSY_S: Final = 30


class Tables:
    """Some tables and their statements; every method blocks for a moment and is safe in threads.

    Args:
        url: as SQLAlchemy writes it.
        file: name of the file in ``sql/``; its statements ``create_…`` make the tables.
    """

    def __init__(self, url: str, file: str) -> None:
        self._engine = sqlalchemy.create_engine(
            url, connect_args={"timeout": _BUSY_S} if url.startswith("sqlite") else {}
        )
        text = resources.files("quarterdeck_runner").joinpath(f"sql/{file}").read_text("utf-8")
        self.sql = {name: sqlalchemy.text(body.strip()) for name, body in _STATEMENT.findall(text)}

    def open(self) -> None:
        """Make what is not there."""
        with self._engine.begin() as connection:
            for name, statement in self.sql.items():
                if name.startswith("create_"):
                    connection.execute(statement)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def begin(self) -> Any:
        """A transaction: a context manager that gives its connection."""
        return self._engine.begin()

    def read(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows."""
        with self._engine.connect() as connection:
            return [dict(found) for found in connection.execute(self.sql[name], values).mappings()]

    def write(self, name: str, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Run a statement, for each of several sets of values; give how many rows it changed."""
        with self._engine.begin() as connection:
            changed: int = connection.execute(self.sql[name], values).rowcount
            return changed
