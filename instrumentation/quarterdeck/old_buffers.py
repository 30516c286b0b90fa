"""What waits for endpoints that nobody sends to any more is not kept for ever."""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarterdeck.disk_buffer import LOCK, locked, requests_in

log: Final = logging.getLogger("quarterdeck")

KEPT_DAYS: Final = 30
_DAY_NS: Final = 86_400_000_000_000


def forget_the_old(folder: Path) -> int:
    """Remove what dead processes left behind longer ago than it is of use, and say so.

    Args:
        folder: the folder of all targets.

    Returns:
        How many requests that were.
    """
    oldest = time.time_ns() - KEPT_DAYS * _DAY_NS
    gone = 0
    for owner in _owners(folder):
        lock = locked(owner)
        if lock is None:
            continue
        try:
            for path in requests_in(owner):
                made = path.name.partition("-")[0]
                if made.isdecimal() and int(made) < oldest:
                    path.unlink()
                    gone += 1
            if not requests_in(owner):
                (owner / LOCK).unlink()
                owner.rmdir()
        except OSError as error:
            log.debug("%s cannot be tidied: %s", owner, error.strerror)
        finally:
            os.close(lock)
    if gone:
        log.warning("%d requests have waited in %s for more than %d days: they are dropped", gone, folder, KEPT_DAYS)
    return gone


def _owners(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for target in folder.iterdir():
            with contextlib.suppress(OSError):
                yield from (owner for owner in target.iterdir() if not owner.name.startswith("."))
