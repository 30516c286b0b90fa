"""Parts that the embedded engine took for written on a full disk: found, taken out, and put back from their sources.

A damaged merge is undone: the parts that it merged are still there. A damaged insert is repeated: its segment waits for
that, and every table that has its rows already knows them by its token. The table that lost them has to forget it.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck_collector.store import EmbeddedStore, literal

_TAKEN_OUT: Final = "broken-on-start"
"""What the engine calls a part that it cannot load."""


class Part(NamedTuple):
    """A part of a table."""

    table: str
    name: str


def find_damage(store: EmbeddedStore, since: float) -> list[Part]:
    """Read what was written lately; nothing may write meanwhile.

    Args:
        store: The engine; nothing is being inserted or merged.
        since: Parts from before this time (Unix, in seconds) are sound.

    Raises:
        StoreError: If the engine refuses.
    """
    written = store.rows(
        f"SELECT table, name FROM system.parts WHERE active AND database = '{store.database}' "  # noqa: S608 - ours
        f"AND toUnixTimestamp(modification_time) >= {since:.0f} ORDER BY table, name"
    )
    return [part for part in (Part(*row) for row in written) if not _sound(store, part)]


def mend(store: EmbeddedStore, damaged: Iterable[Part]) -> None:
    """Undo damaged merges and make way for the repetition of damaged inserts.

    Args:
        store: The engine; nothing is being inserted or merged.
        damaged: What :func:`find_damage` has found.

    Raises:
        StoreError: If the engine refuses; it has to be tried again.
        OSError: Likewise, if its files cannot be written.
    """
    for (table,) in store.rows(f"SELECT table FROM system.detached_tables WHERE database = '{store.database}'"):  # noqa: S608
        store.command(f"ATTACH TABLE {store.database}.`{table}`")
    for table in sorted({part.table for part in damaged}):
        # looking at its files again the engine takes broken parts out, and goes back to what they were merged from
        store.command(f"DETACH TABLE {store.database}.`{table}` SYNC")
        store.command(f"ATTACH TABLE {store.database}.`{table}`")
    forget_lost_inserts(store)


def forget_lost_inserts(store: EmbeddedStore) -> None:
    """Let segments be inserted again whose parts the engine could not load, also those of an earlier process.

    Raises:
        StoreError: If the engine refuses; it has to be tried again.
        OSError: Likewise, if its files cannot be written.
    """
    lost: dict[str, list[Path]] = {}
    for table, path in store.rows(
        f"SELECT table, path FROM system.detached_parts WHERE database = '{store.database}' "  # noqa: S608 - ours
        f"AND reason = '{_TAKEN_OUT}' AND level = 0"
    ):
        lost.setdefault(table, []).append(Path(path))
    for table, folders in lost.items():
        logs = sorted((folders[0].parent.parent / "deduplication_logs").glob("*.txt"))
        parts = {folder.name.removeprefix(f"{_TAKEN_OUT}_"): folder for folder in folders}
        if known := {part for log in logs for part, _ in _records(log)} & parts.keys():
            store.command(f"DETACH TABLE {store.database}.`{table}` SYNC")
            try:
                for log in logs:
                    _forget(log, known)
                for part in known:  # another may get its name
                    parts[part].rename(parts[part].with_name(f"ignored_{part}_{time.time_ns()}"))
            finally:
                store.command(f"ATTACH TABLE {store.database}.`{table}`")


def _sound(store: EmbeddedStore, part: Part) -> bool:
    answer = store.rows(
        f"CHECK TABLE {store.database}.`{part.table}` PART {literal(part.name)} "
        "SETTINGS check_query_single_value_result = 0"
    )
    return all(passed == "1" for _, passed, *_ in answer)


def _records(log: Path) -> Iterator[tuple[str, str]]:
    """Give the parts that a table knows, and their lines; lines that a full disk has cut are left out."""
    for line in log.read_text(errors="replace").splitlines(keepends=True):
        match line.split("\t"):
            case [_, part, block] if block.endswith("\n"):
                yield part, line


def _forget(log: Path, parts: Collection[str]) -> None:
    new = log.parent.parent / f"tmp_{log.name}"  # the engine takes no notice of what is called so
    with new.open("w") as file:
        file.writelines(line for part, line in _records(log) if part not in parts)
        file.flush()
        os.fsync(file.fileno())
    new.replace(log)
