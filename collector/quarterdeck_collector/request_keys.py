"""What makes a request the same as an earlier one, and a memory of that which outlives the process."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from blake3 import blake3

from quarterdeck_collector.segments import sync_data

REMEMBERED_REQUESTS: Final = 50_000
"""How many requests of one signal are known, to store a client's retry once."""

KEY_BYTES: Final = 16


def key_of(body: bytes | memoryview) -> bytes:
    """Identify a request body: two with one key are the same (BLAKE3, since every byte that comes in is hashed)."""
    return blake3(body).digest(length=KEY_BYTES)


class RequestKeys:
    """Keys of requests whose segments have been removed, in two files of which the older is dropped in time.

    Args:
        folder: Where the files lie.
        sync: Whether keys must survive a power cut.
        limit: Keys per file.
    """

    def __init__(self, folder: Path, *, sync: bool = True, limit: int = REMEMBERED_REQUESTS) -> None:
        self._recent = folder / "recent.keys"
        self._older = folder / "older.keys"
        self._sync = sync
        self._most_bytes = limit * KEY_BYTES

    def __iter__(self) -> Iterator[bytes]:
        for path in (self._older, self._recent):
            data = path.read_bytes() if path.exists() else b""
            for at in range(0, len(data) - KEY_BYTES + 1, KEY_BYTES):
                yield data[at : at + KEY_BYTES]

    def add(self, keys: bytes) -> None:
        """Remember more keys, one after the other in ``keys``.

        Raises:
            OSError: If they cannot be written.
        """
        descriptor = os.open(self._recent, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            at = size - size % KEY_BYTES  # what an earlier process wrote only in part is written over
            while keys:
                written = os.pwrite(descriptor, keys, at)
                keys, at = keys[written:], at + written
            if self._sync:
                sync_data(descriptor)
        finally:
            os.close(descriptor)
        if at >= self._most_bytes:
            self._recent.replace(self._older)
