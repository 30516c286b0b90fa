"""Whether ClickHouse itself writes every inserted part through to the disk."""

from typing import Final

from quarterdeck_collector.store import Store

_SETTINGS: Final = ("fsync_after_insert", "fsync_part_directory")


def sync_parts(store: Store, *, wanted: bool) -> list[str]:
    """Switch the syncing of inserted parts on or off for every table of the database.

    Args:
        store: Migrated store.
        wanted: Whether an insert ends only when its parts would survive a power cut.

    Returns:
        Names of the tables that were changed.

    Raises:
        StoreError: If ClickHouse refuses or cannot be reached.
    """
    found = store.rows(
        f"SELECT name FROM system.tables WHERE database = '{store.database}' AND engine LIKE '%MergeTree' "  # noqa: S608
        f"AND (position(engine_full, '{_SETTINGS[0]} = 1') > 0) != {wanted} ORDER BY name"
    )
    names = [name for (name,) in found]
    change = (
        f"MODIFY SETTING {', '.join(f'{setting} = 1' for setting in _SETTINGS)}"
        if wanted
        else f"RESET SETTING {', '.join(_SETTINGS)}"
    )
    for name in names:
        store.command(f"ALTER TABLE {store.database}.`{name}` {store.on_cluster} {change}")
    return names
