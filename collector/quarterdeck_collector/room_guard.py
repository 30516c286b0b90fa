"""Merges of the embedded engine stop while its disk is nearly full."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from quarterdeck_collector import room
from quarterdeck_collector.gate import GatedStore
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

LOOK_EVERY: Final = 0.1
"""Seconds between two looks: whoever writes 300 MB/s takes as long for the floor."""


class RoomGuard:
    """Stops merges before the disk is full, and starts them when there is room again.

    Args:
        store: The embedded engine; operations that change parts are refused meanwhile.
        folder: A folder on its disk.
    """

    def __init__(self, store: GatedStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            now = room.problem(self._folder)
            if bool(now) != bool(self._store.problem):
                await self._change(now)
            await asyncio.sleep(LOOK_EVERY)

    async def _change(self, now: str) -> None:
        try:
            # those under way are broken off
            await offload(self._store.command, f"SYSTEM {'STOP' if now else 'START'} MERGES")
        except StoreError as error:
            log.warning("merges cannot be %s: %s", "stopped" if now else "started", error)
            return
        self._store.problem = now
        log.warning("%s", now or "the disk has room again: ClickHouse writes and merges")
