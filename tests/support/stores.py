"""Stores for tests."""

import itertools
import re
from pathlib import Path

from typing_extensions import override

from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore

_NUMBERS = itertools.count()


class ShortNames(EmbeddedStore):
    """A store whose queries may say ``$table`` for a table of its database."""

    @override
    def _query(self, sql: str, output_format: str = "TabSeparated") -> str:
        return super()._query(re.sub(r"\$(?=[a-z])", f"{self.database}.", sql), output_format)


def fresh(engine: EmbeddedStore) -> ShortNames:
    """A database of its own, before any migration."""
    return ShortNames(Path(engine._path), f"test_{next(_NUMBERS)}")


def drop(store: EmbeddedStore) -> None:
    """Remove a database and let go of it."""
    store.command(f"DROP DATABASE IF EXISTS {store.database}")
    store.close()


class Pool:
    """Migrated stores that are emptied and lent again: to migrate takes fifteen times as long as to empty."""

    def __init__(self, engine: EmbeddedStore) -> None:
        self._engine = engine
        self._spare: list[ShortNames] = []
        self._definitions: list[str] = []

    def take(self) -> ShortNames:
        """Give a migrated store in which nothing is."""
        if self._spare:
            return self._spare.pop()
        store = fresh(self._engine)
        migrate(store)
        self._definitions = self._definitions or _definitions(store)
        return store

    def give_back(self, store: ShortNames) -> None:
        """Empty a store for the next taker; one whose tables a test has changed is dropped."""
        if _definitions(store) != self._definitions:
            drop(store)
            return
        for (name,) in store.rows(
            f"SELECT name FROM system.tables WHERE database = '{store.database}' AND name != 'schema_migrations' "  # noqa: S608 - ours
            "AND (engine LIKE '%MergeTree' OR engine = 'Memory')"
        ):
            store.command(f"TRUNCATE TABLE ${name}")
        store.command("SYSTEM RELOAD DICTIONARY $model_prices")
        store.command("SYSTEM START TTL MERGES $live_events")
        self._spare.append(store)

    def close(self) -> None:
        """Drop what is not lent."""
        for store in self._spare:
            drop(store)


def _definitions(store: EmbeddedStore) -> list[str]:
    """What the tables of a database are, whatever its name."""
    sql = f"SELECT create_table_query FROM system.tables WHERE database = '{store.database}' ORDER BY name"  # noqa: S608 - ours
    return [row[0].replace(f"{store.database}.", "") for row in store.rows(sql)]
