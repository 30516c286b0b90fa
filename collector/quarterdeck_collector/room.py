"""Room on the disk of the embedded engine: what it keeps free, and what it must not do without.

The engine takes a part for written though the disk had no byte left for it. So it stops to insert and to merge while
there is still room; segments, which are written with care, wait for it.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarterdeck_collector.refusals import NOT_ENOUGH_SPACE, StoreError

RESERVE: Final = 256 << 20
"""Bytes of its disk that the engine leaves free, unless told otherwise."""

LARGEST_SHARE: Final = 5
"""On a small disk no more than one part in so many is kept free."""


class Room:
    """The disk of the embedded engine.

    Args:
        folder: A folder on it.
        reserve: Bytes to leave free.
    """

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self.wanted = reserve
        """Bytes to leave free where the disk is large enough."""
        self._lock = threading.Lock()
        self._writers = 0
        self.problem = ""
        """Why the engine writes nothing; set by whoever meets a disk without room, taken back by the guard."""

    @property
    def reserve(self) -> int:
        """Bytes that are left free on this disk."""
        disk = os.statvfs(self._folder)
        return min(self.wanted, disk.f_blocks * disk.f_frsize // LARGEST_SHARE)

    @property
    def busy(self) -> bool:
        """Whether an insert is under way."""
        return self._writers > 0

    def lack(self, needed: int = 0) -> str:
        """Say why the engine must not write now; empty if it may.

        Args:
            needed: Bytes that it is going to write.
        """
        disk = os.statvfs(self._folder)
        free, kept = disk.f_bavail * disk.f_frsize, self.reserve + needed
        if free >= kept:
            return ""
        return (
            f"the disk of {self._folder} is nearly full: {free >> 20} MiB are left, {kept >> 20} MiB are kept free "
            "for ClickHouse, which writes nothing meanwhile; free some space"
        )

    @contextlib.contextmanager
    def writing(self, needed: int) -> Iterator[None]:
        """Insert inside the block.

        Args:
            needed: Bytes that are inserted.

        Raises:
            StoreError: If there is no room, or none was left when the block ended: what it wrote may be damaged.
        """
        with self._lock:
            if problem := self.problem or self.lack(needed):
                raise StoreError(problem, NOT_ENOUGH_SPACE)
            self._writers += 1
        failure: Exception | None = None
        try:
            yield
        except StoreError as error:
            failure = error
        finally:
            self.problem = self.problem or self.lack()
            with self._lock:
                self._writers -= 1
        if self.problem:
            raise StoreError(self.problem, NOT_ENOUGH_SPACE) from failure
        if failure is not None:
            raise failure
