"""Room on the disk of the embedded engine: it must never meet a full one.

The engine takes a part for written though the disk had no byte left for it: a merge then loses what it merged. So it
stops to insert and to merge while there is still room; segments, which are written with care, wait for it.
"""

import os
from pathlib import Path
from typing import Final

FLOOR: Final = 32 << 20
"""Bytes of its disk below which the engine writes nothing; half of what segments leave to it."""


def problem(folder: Path, needed: int = 0) -> str:
    """Say why the engine must not write now; empty if it may.

    Args:
        folder: A folder on its disk.
        needed: Bytes that it is going to write.
    """
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free >= FLOOR + needed:
        return ""
    return (
        f"the disk of {folder} is nearly full: {free >> 20} MiB are left, and ClickHouse writes nothing below "
        f"{(FLOOR + needed) >> 20} MiB; make room"
    )
