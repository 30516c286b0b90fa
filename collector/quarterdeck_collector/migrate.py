"""Bring a store to the current schema: numbered ``.sql`` files and the optional ones asked for, each applied once."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import Store

SCHEMA: Final = Path(__file__).parent / "schema"
"""Folder of the migrations, of the fragments they share and of ``otlp.proto``."""

_FRAGMENT: Final = re.compile(r"^-- fragment (\w+)\n(.*?)(?=^-- fragment|\Z)", re.MULTILINE | re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")
_CLUSTER_ONLY: Final = ".cluster"
_SHARED: Final = "'/clickhouse/tables/shared/{database}/{table}', '{shard}-{replica}', "
"""Keeper path and replica name of a table that is the same on all shards."""

_EXISTS: Final = "EXISTS TABLE ${db}.schema_migrations"
_DONE: Final = "SELECT version, any(checksum), any(cluster) FROM ${db}.schema_migrations GROUP BY version"
_RECORD: Final = (
    "INSERT INTO ${db}.schema_migrations (version, checksum, cluster) "
    "VALUES ('${version}', '${checksum}', '${cluster}')"
)


class MigrationError(Exception):
    """The store could not be brought to the current schema; the message says why and what to do."""


@dataclass(frozen=True)
class Migration:
    """One file of the schema folder, its fragments filled in."""

    version: str
    text: str

    @property
    def checksum(self) -> str:
        """Identify the content, to notice files that were edited after they were applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def is_wanted(self, optional: Collection[str]) -> bool:
        """Say whether a store gets it, where ``optional`` names the files of the folder of that name to apply."""
        folder, _, name = self.version.rpartition("/")
        return not folder or name in optional

    def statements(self, placeholders: Mapping[str, str]) -> list[str]:
        """Give the statements to run.

        Args:
            placeholders: Value of each ``${name}``.

        Raises:
            MigrationError: If a placeholder has no value.
        """
        text = _fill(self.text, placeholders)
        if left := _PLACEHOLDER.findall(text):
            raise MigrationError(f"migration {self.version} uses unknown placeholders: {', '.join(sorted(set(left)))}")
        return [part.strip() for part in re.split(r";[ \t]*\n", text + "\n") if _has_code(part)]


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def _has_code(part: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in part.splitlines())


def fragments(folder: Path = SCHEMA) -> dict[str, str]:
    """Read the named texts of ``fragments.sql``; a fragment may use those before it."""
    found: dict[str, str] = {}
    for name, text in _FRAGMENT.findall((folder / "fragments.sql").read_text()):
        found[name] = _fill(text.strip(), found)
    return found


def migrations(folder: Path = SCHEMA, *, cluster: bool = False) -> Iterator[Migration]:
    """Read the numbered files of ``folder`` in order, then the optional ones.

    Args:
        folder: Where they are.
        cluster: Whether to give those named ``….cluster.sql`` too.
    """
    shared = fragments(folder)
    for path in sorted(folder.glob("[0-9]*.sql")):
        if cluster or not path.stem.endswith(_CLUSTER_ONLY):
            yield Migration(path.stem, _fill(path.read_text(), shared))
    for path in sorted(folder.glob("optional/*.sql")):
        yield Migration(f"optional/{path.stem}", _fill(path.read_text(), shared))


def placeholders(store: Store) -> dict[str, str]:
    """Give the substitutions that make the same files right for a single node and for a cluster."""
    return {
        "db": store.database,
        "dict_auth": store.dict_auth,
        "cluster": store.cluster,
        "on_cluster": store.on_cluster,
        "R": "Replicated" if store.cluster else "",
        "L": store.local(""),
        "shared": _SHARED if store.cluster else "",
    }


def migrate(store: Store, folder: Path = SCHEMA, optional: Collection[str] = ()) -> list[str]:
    """Apply what the store has not seen yet.

    Args:
        store: Open store.
        folder: Where the files are.
        optional: Names of the files of ``optional/`` that are wanted. What they made stays when they no longer are.

    Returns:
        Versions applied now, in order.

    Raises:
        MigrationError: If the tables were made for another cluster or for none, an applied file has changed since, or
            a statement fails. Later files are not touched.
        StoreUnavailableError: If ClickHouse cannot be reached.
    """
    values = placeholders(store)
    known = list(migrations(folder, cluster=bool(store.cluster)))
    done = _done(store, values)
    _refuse_strangers(done, known)
    fresh = [item for item in known if item.version not in done and item.is_wanted(optional)]
    for item in fresh:
        _apply(store, item, values)
        store.command(_fill(_RECORD, {**values, "version": item.version, "checksum": item.checksum}))
    return [item.version for item in fresh]


def _done(store: Store, values: Mapping[str, str]) -> dict[str, str]:
    """Give the checksum of each version that the store has seen."""
    if store.rows(_fill(_EXISTS, values)) != [["1"]]:
        return {}
    rows = store.rows(_fill(_DONE, values))
    for _, _, cluster in rows:
        if cluster != store.cluster:
            made, remedy = (
                (f"for the cluster {cluster}", f"set --cluster {cluster}")
                if cluster
                else ("for a single node", "leave --cluster out")
            )
            raise MigrationError(
                f"the tables of database {store.database} were made {made}: {remedy}, or set another --database"
            )
    return {version: checksum for version, checksum, _ in rows}


def _refuse_strangers(done: Mapping[str, str], known: list[Migration]) -> None:
    for item in known:
        if done.get(item.version, item.checksum) != item.checksum:
            raise MigrationError(
                f"migration {item.version} was edited after it was applied to this store; restore the file and put "
                "the change into a new, higher-numbered one"
            )
    if ahead := sorted(set(done) - {item.version for item in known}):
        raise MigrationError(
            f"this store was made by a newer Quarterdeck (it has {ahead[-1]}); upgrade, or use another data directory"
        )


def _apply(store: Store, item: Migration, values: Mapping[str, str]) -> None:
    for number, statement in enumerate(item.statements(values), start=1):
        try:
            store.command(statement)
        except StoreError as error:
            if error.unavailable:
                raise
            raise MigrationError(
                f"migration {item.version} failed at statement {number}; nothing after it was run. {error}"
            ) from error
