"""The embedded engine writes nothing while its disk is nearly full, and what it wrote too late is mended."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quarterdeck_collector import mending, room
from quarterdeck_collector.gate import BusyError, GatedStore
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.room_guard import RoomGuard
from quarterdeck_collector.store import EmbeddedStore
from support.waiting import eventually

THE_WHOLE_DISK = 1 << 60
ALWAYS = 0.0


@contextlib.asynccontextmanager
async def guarded(store: EmbeddedStore) -> AsyncIterator[None]:
    task = asyncio.create_task(RoomGuard(store).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(store: EmbeddedStore, *, stopped: bool) -> None:
    await asyncio.to_thread(eventually, lambda: bool(store.problem) == stopped)


async def test_without_room_nothing_is_inserted_merged_or_purged_and_all_goes_on_when_there_is_room(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LARGEST_SHARE", 1)
    enough, gated = store.room.wanted, GatedStore(store)
    store.command(f"CREATE TABLE {store.database}.numbers (n UInt8) ENGINE = MergeTree ORDER BY n")
    for n in (1, 2):
        store.insert_rows("numbers", [{"n": n}])
    async with guarded(store):
        store.room.wanted = THE_WHOLE_DISK
        await until(store, stopped=True)
        with pytest.raises(
            StoreError, match=r"nearly full: .* MiB are left, .* kept free .* free some space"
        ) as refused:
            store.insert_rows("numbers", [{"n": 3}])
        await asyncio.to_thread(eventually, lambda: "ancelled" in refusal_to_merge(store))
        with pytest.raises(BusyError, match="free some space"), gated.closed():
            pass

        store.room.wanted = enough
        await until(store, stopped=False)
        store.insert_rows("numbers", [{"n": 3}])
        store.command(f"OPTIMIZE TABLE {store.database}.numbers FINAL")
        with gated.closed():
            rows = store.rows(f"SELECT n FROM {store.database}.numbers")  # noqa: S608 - our own database

    assert refused.value.unavailable
    assert rows == [["1"], ["2"], ["3"]]


def test_an_insert_that_ends_without_room_has_failed_and_the_next_waits_until_it_has_been_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LARGEST_SHARE", 1)
    disk = room.Room(tmp_path, reserve=1)

    with pytest.raises(StoreError, match="nearly full") as late, disk.writing(0):
        disk.wanted = THE_WHOLE_DISK
    disk.wanted = 1
    with pytest.raises(StoreError, match="nearly full"), disk.writing(0):
        pytest.fail("nothing may write before the guard has looked")

    assert (late.value.unavailable, disk.busy, disk.lack()) == (True, False, "")


def refusal_to_merge(store: EmbeddedStore) -> str:
    try:
        store.command(f"OPTIMIZE TABLE {store.database}.numbers FINAL")
    except StoreError as error:
        return str(error)
    return ""


def damage(store: EmbeddedStore, table: str, part: str) -> None:
    """Leave what the engine leaves on a full disk: files with nothing in them, and a log whose last line is cut."""
    ((folder,),) = store.rows(
        f"SELECT path FROM system.parts WHERE active AND database = '{store.database}' "  # noqa: S608 - our own database
        f"AND table = '{table}' AND name = '{part}'"
    )
    for file in Path(folder).iterdir():
        os.truncate(file, 0)
    for log in (Path(folder).parent / "deduplication_logs").iterdir():
        log.write_text(log.read_text() + "1\tall_9")


def mended(store: EmbeddedStore) -> None:
    damaged = mending.find_damage(store, ALWAYS)
    assert damaged == [("loaded", "all_2_2_0"), ("merged", "all_1_3_1")]
    mending.mend(store, damaged)


def loaded_anew(store: EmbeddedStore) -> None:
    """What another process finds that comes before the damage was seen."""
    for table in ("loaded", "merged"):
        store.command(f"DETACH TABLE {store.database}.{table} SYNC")
        store.command(f"ATTACH TABLE {store.database}.{table}")
    mending.forget_lost_inserts(store)


@pytest.mark.parametrize("recover", [mended, loaded_anew])
def test_a_damaged_merge_is_undone_and_a_damaged_insert_fills_only_the_table_that_lost_it(
    empty_store: EmbeddedStore, recover: Callable[[EmbeddedStore], None]
) -> None:
    store, database = empty_store, empty_store.database
    store.command(f"CREATE DATABASE {database}")

    def insert(n: int) -> None:
        store.command(
            f"INSERT INTO {database}.loaded SETTINGS insert_deduplication_token = 'segment {n}', "  # noqa: S608 - ours
            f"deduplicate_blocks_in_dependent_materialized_views = 1 VALUES ({n})"
        )

    for table in ("loaded", "merged"):
        store.command(
            f"CREATE TABLE {database}.{table} (n UInt8) ENGINE = MergeTree ORDER BY n "
            "SETTINGS non_replicated_deduplication_window = 100"
        )
    store.command(f"CREATE MATERIALIZED VIEW {database}.view TO {database}.merged AS SELECT n FROM {database}.loaded")  # noqa: S608 - ours
    for n in (1, 2, 3):
        insert(n)
    store.command(f"OPTIMIZE TABLE {database}.merged FINAL")
    damage(store, "loaded", "all_2_2_0")
    damage(store, "merged", "all_1_3_1")

    recover(store)
    for n in (1, 2, 3, 2):
        insert(n)

    for table in ("loaded", "merged"):
        assert store.rows(f"SELECT n FROM {database}.{table} ORDER BY n") == [["1"], ["2"], ["3"]]  # noqa: S608 - ours
    assert mending.find_damage(store, ALWAYS) == []
