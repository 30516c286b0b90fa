"""The operations beside a running collector: what it has acknowledged counts, and its inserts make room."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from quarterdeck_collector import pieces, prices
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.operations import LocalCare, Surroundings
from quarterdeck_collector.gate import BusyError, GatedStore
from quarterdeck_collector.redaction_rules import Findings
from quarterdeck_collector.segments import SUFFIX, first_position
from quarterdeck_collector.settings import Settings
from quarterdeck_collector.store import Store

PATIENCE: Final = 60.0
"""Seconds to wait until what is on disk has been inserted."""

_PAUSE: Final = 0.1


def beside(
    store: Store,
    gate: GatedStore,
    settings: Settings,
    checkpoint: Callable[[], Awaitable[None]],
    forget: Callable[[], None],
) -> LocalCare:
    """Make the operations of a running collector; they are called from threads.

    Args:
        store: The data.
        gate: What segments go through.
        settings: What the collector runs with.
        checkpoint: Removes the files of what is inserted; run on the loop that calls this.
        forget: Lets go of what is kept for listeners who come back; run there as well.
    """
    redaction = settings.redaction()
    loop = asyncio.get_running_loop()

    def on_loop(function: Callable[[], Awaitable[None] | None]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(function), loop).result()

    def settle() -> None:
        waiting = _segments(settings.segments_dir)
        newest = max(map(first_position, waiting), default=0)
        deadline = time.monotonic() + PATIENCE
        while waiting:
            if time.monotonic() > deadline:
                raise BusyError(
                    f"{len(waiting)} segments wait for ClickHouse; try again when they are in (see /readyz)"
                )
            on_loop(checkpoint)
            time.sleep(_PAUSE)
            waiting = [path for path in _segments(settings.segments_dir) if first_position(path) <= newest]

    around = Surroundings(
        leftovers=Leftovers(settings.segments_dir, settings.forward_dir, sealed=False),
        settle=settle,
        quiet=gate.closed,
        load_prices=lambda: prices.load(store, settings.prices),
        clean=lambda kind, body: redaction.clean(kind, body, Findings()),
        forget=lambda: on_loop(forget),
    )
    return LocalCare(store, around)


def _segments(folder: Path) -> list[Path]:
    """Find what is on disk; joined and divided, a segment has another path and begins at the same position."""
    return [path for place in (f"*/*{SUFFIX}", f"*/{pieces.FOLDER}/*{SUFFIX}") for path in folder.glob(place)]


async def _awaited(function: Callable[[], Awaitable[None] | None]) -> None:
    pending = function()
    if pending is not None:
        await pending
