"""The embedded engine writes nothing while its disk is nearly full."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck_collector import room
from quarterdeck_collector.gate import BusyError, GatedStore
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.room_guard import RoomGuard
from quarterdeck_collector.store import EmbeddedStore
from support.waiting import eventually

MORE_THAN_ANY_DISK = 1 << 60
ENOUGH = 1


@contextlib.asynccontextmanager
async def guarded(store: GatedStore, folder: Path) -> AsyncIterator[None]:
    task = asyncio.create_task(RoomGuard(store, folder).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(store: GatedStore, *, stopped: bool) -> None:
    await asyncio.to_thread(eventually, lambda: bool(store.problem) == stopped)


async def test_without_room_nothing_is_inserted_merged_or_purged_and_all_goes_on_when_there_is_room(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = GatedStore(store)
    store.command(f"CREATE TABLE {store.database}.numbers (n UInt8) ENGINE = MergeTree ORDER BY n")
    monkeypatch.setattr(room, "FLOOR", ENOUGH)
    for n in (1, 2):
        store.insert_rows("numbers", [{"n": n}])
    async with guarded(gated, tmp_path):
        monkeypatch.setattr(room, "FLOOR", MORE_THAN_ANY_DISK)
        await until(gated, stopped=True)
        with pytest.raises(StoreError, match=r"nearly full: .* MiB are left, .* make room") as refused:
            store.insert_rows("numbers", [{"n": 3}])
        with pytest.raises(StoreError, match=r"[Cc]ancelled"):
            store.command(f"OPTIMIZE TABLE {store.database}.numbers FINAL")
        with pytest.raises(BusyError, match="make room"), gated.closed():
            pass

        monkeypatch.setattr(room, "FLOOR", ENOUGH)
        await until(gated, stopped=False)
        store.insert_rows("numbers", [{"n": 3}])
        store.command(f"OPTIMIZE TABLE {store.database}.numbers FINAL")
        with gated.closed():
            rows = store.rows(f"SELECT n FROM {store.database}.numbers")  # noqa: S608 - our own database

    assert refused.value.unavailable
    assert rows == [["1"], ["2"], ["3"]]
