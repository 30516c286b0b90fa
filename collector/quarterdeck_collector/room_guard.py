"""Merges of the embedded engine stop while its disk is nearly full, and what was damaged is mended afterwards."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from quarterdeck_collector import mending
from quarterdeck_collector.mending import Part
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import EmbeddedStore
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

LOOK_EVERY: Final = 0.1
"""Seconds between two looks."""

AFTER_FAILURE: Final = 2.0
"""Further seconds after one that failed."""

MARGIN: Final = 2.0
"""Seconds before the last look that found room, from which on parts are checked: the engine counts whole ones."""


def guard_from_the_start(store: EmbeddedStore) -> None:
    """Before anything is inserted, make way for inserts that an earlier process lost on a full disk."""
    try:
        mending.forget_lost_inserts(store)
    except (StoreError, OSError) as error:
        store.room.problem = f"what a full disk has damaged cannot be mended yet: {error}"


class RoomGuard:
    """Stops merges before the disk is full; when there is room again mends what was written too late, and starts them.

    Args:
        store: The embedded engine.
    """

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._room = store.room
        self._sound = time.time()
        self._stopped = False
        self._damaged: list[Part] | None = None
        self._said = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._look()
            except (StoreError, OSError) as error:
                if self._said != str(error):
                    log.warning("the guard of the disk will try again: %s", error)
                self._said = str(error)
                await asyncio.sleep(AFTER_FAILURE)
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        if lack := self._room.lack():
            self._room.problem = lack
        if not self._room.problem:
            self._sound = time.time()
        elif not self._stopped:
            await offload(self._stop)
        elif self._damaged is None:
            if not self._room.busy:
                await offload(self._check)
        elif not lack:
            await offload(self._go_on, self._damaged)

    def _stop(self) -> None:
        self._store.command("SYSTEM STOP MERGES")  # those under way are broken off
        self._store.command("SYSTEM STOP CLEANUP")  # what was merged stays, until the merges are known to be good
        self._stopped = True
        log.warning("%s", self._room.problem)

    def _check(self) -> None:
        """Look for what was written too late; the other tables may clean up, which makes room."""
        if self._store.rows("SELECT 1 FROM system.merges LIMIT 1"):
            return
        damaged = mending.find_damage(self._store, self._sound - MARGIN)
        for part in damaged:
            log.warning("the full disk has damaged a part, it will be written again: %s %s", part.table, part.name)
        self._store.command("SYSTEM START CLEANUP")
        for table in {part.table for part in damaged}:
            self._store.command(f"SYSTEM STOP CLEANUP {self._store.database}.`{table}`")
        self._damaged = damaged

    def _go_on(self, damaged: Sequence[Part]) -> None:
        mending.mend(self._store, damaged)
        self._store.command("SYSTEM START CLEANUP")
        self._store.command("SYSTEM START MERGES")
        self._stopped, self._damaged, self._said = False, None, ""
        self._room.problem = ""
        log.warning("the disk has room again: ClickHouse writes and merges")
