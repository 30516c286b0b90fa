"""Tables of the runner, in the SQLite file or Postgres database of the engine; their statements are in ``sql/``."""

import re
import threading
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
        file: name of the file in ``sql/``; its statements ``create_…`` make the tables, at first use.
    """

    def __init__(self, url: str, file: str) -> None:
        arguments = {"timeout": _BUSY_S} if url.startswith("sqlite") else {}
        self._engine = sqlalchemy.create_engine(url, connect_args=arguments)
        self._quick = self._engine
        if url.startswith("sqlite"):
            # Changes are kept in the order they were made: what follows from others survives a power cut if they do.
            self._quick = sqlalchemy.create_engine(url, connect_args=arguments)
            sqlalchemy.event.listen(self._quick, "connect", _leave_syncing_to_others)
        text = resources.files("quarterdeck_runner").joinpath(f"sql/{file}").read_text("utf-8")
        self.sql = {name: sqlalchemy.text(body.strip()) for name, body in _STATEMENT.findall(text)}
        self._making, self._made = threading.Lock(), False

    def open(self) -> None:
        """Make what is not there."""
        with self._making:
            if self._made:
                return
            with self._engine.begin() as connection:
                for name, statement in self.sql.items():
                    if name.startswith("create_"):
                        connection.execute(statement)
            self._made = True

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
        self._quick.dispose()

    def begin(self, *, quick: bool = False) -> Any:
        """A transaction: a context manager that gives its connection.

        Args:
            quick: a power cut may undo it; for what can be told anew from other rows.
        """
        self.open()
        return (self._quick if quick else self._engine).begin()

    def read(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows."""
        self.open()
        with self._engine.connect() as connection:
            return [dict(found) for found in connection.execute(self.sql[name], values).mappings()]

    def write(self, name: str, values: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, quick: bool = False) -> int:
        """Run a statement, for each of several sets of values; give how many rows it changed.

        Args:
            name: of the statement.
            values: of its parameters.
            quick: see :meth:`begin`.
        """
        with self.begin(quick=quick) as connection:
            changed: int = connection.execute(self.sql[name], values).rowcount
            return changed


def _leave_syncing_to_others(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
