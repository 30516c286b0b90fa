"""Segment files: length-delimited OTLP requests, the very bytes that ClickHouse reads."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from quarterdeck import files

SUFFIX: Final = ".otlp"
_CONTINUES: Final = 0x80
_SERIAL: Final = count()
_FIRST: Final = 3
"""Place of the number of the first request in the name of a piece: before it are time, process and serial number."""
_HALVES: Final = 5
"""Place of the halves, a or b of a or b, that were taken of a single request."""
_PARTS_AT_ONCE: Final = 1000
"""Of a write: systems take 1,024 at most."""


@dataclass(eq=False)
class Segment:
    """A sealed file of acknowledged requests.

    Args:
        path: Where it is.
        items: Spans or records in it.
        size: Bytes.
        keys: Keys of its requests, one after the other.
        signal: Its signal, by default the name of the folder.
        attempts: How often ClickHouse has refused it.
        taken_before: How many others ClickHouse had taken when it refused this one first.
        untried: Whether it is certain that nobody has tried to insert it, in this process or an earlier one.
    """

    path: Path
    items: int
    size: int
    keys: bytes = b""
    signal: str = ""
    attempts: int = field(default=0)
    taken_before: int = field(default=0)
    untried: bool = field(default=False)

    @property
    def token(self) -> str:
        """Deduplication token of the insert: the same file is never stored twice."""
        return self.token_of(self.path.stem)

    def token_of(self, piece: str) -> str:
        """Give the token of a piece of it."""
        return f"{self.signal or self.path.parent.name}-{piece}"

    @property
    def first(self) -> int:
        """Number, in the segment that it is a piece of, of its first request."""
        return int(self._words[_FIRST]) if len(self._words) > _FIRST else 0

    @property
    def divided_request(self) -> bool:
        """Whether it is a piece of a single request."""
        return len(self._words) > _HALVES

    @property
    def _words(self) -> list[str]:
        return self.path.stem.split("-")

    def piece(self, first: int, count: int) -> str:
        """Name a piece, the same whether it is cut from the whole or from a larger piece.

        Args:
            first: Number of its first request in the whole.
            count: How many it has.
        """
        return "-".join([*self._words[:_FIRST], str(first), str(count)])

    def half_request(self, half: str) -> str:
        """Name a half, ``a`` or ``b``, of its only request."""
        whole = self.path.stem if self.divided_request else f"{self.piece(self.first, 1)}-"
        return f"{whole}{half}"


def first_position(path: Path) -> int:
    """Give the Position of a segment's first record: each further one has the next, later segments have later ones."""
    return int(path.name.partition("-")[0])


def length_of(body: bytes) -> bytes:
    """Give a message's length as a varint."""
    head = bytearray()
    size = len(body)
    while size >= _CONTINUES:
        head.append(size & 0x7F | _CONTINUES)
        size >>= 7
    head.append(size)
    return bytes(head)


def frame(body: bytes) -> bytes:
    """Prefix a message with its length."""
    return length_of(body) + body


def _read_varint(data: memoryview, at: int) -> tuple[int, int] | None:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < _CONTINUES:
            return value, at
    return None


def unframe(data: bytes) -> tuple[list[memoryview], int]:
    """Split a segment into its messages.

    Returns:
        The whole messages, and how many bytes they take: what follows is a torn tail.
    """
    view = memoryview(data)
    messages: list[memoryview] = []
    at = 0
    while (found := _read_varint(view, at)) is not None and found[0] + found[1] <= len(view):
        size, start = found
        messages.append(view[start : start + size])
        at = start + size
    return messages, at


def recover(
    folder: Path, count_items: Callable[[bytes], int], signal: str = ""
) -> Iterator[tuple[Segment, list[memoryview]]]:
    """Find the segments that an earlier process left, oldest first, and cut torn tails: those were never acknowledged.

    Args:
        folder: Where they lie.
        count_items: Number of spans or records in a message.
        signal: Their signal, by default the name of the folder.
    """
    for path in folder.glob("*.tmp"):
        path.unlink()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        messages, whole = unframe(path.read_bytes())
        if not messages:
            path.unlink()
            continue
        os.truncate(path, whole)
        yield Segment(path, sum(count_items(bytes(message)) for message in messages), whole, signal=signal), messages


class OpenSegment:
    """The file that requests are appended to now; used by one thread at a time.

    Args:
        folder: Where it is made.
        sync: Whether what is appended must survive a power cut.

    Raises:
        OSError: If it cannot be made.
    """

    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self.path = folder / f"{time.time_ns():020d}-{os.getpid()}-{next(_SERIAL)}{SUFFIX}"
        self.size = 0
        self.items = 0
        self._keys = bytearray()
        self._sync = sync
        self._torn = False
        self._descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            if sync:
                files.sync_folder(folder)
        except OSError:
            self.seal()
            raise

    @property
    def next_position(self) -> int:
        """Position that the next record will have."""
        return first_position(self.path) + self.items

    def append(self, parts: Sequence[bytes], items: int, keys: bytes = b"") -> None:
        """Write ``parts`` and return when they are on disk.

        Args:
            parts: Lengths and requests, in turn.
            items: Spans or records in them.
            keys: Keys of the requests.

        Raises:
            OSError: If that failed; the file is then as it was before.
        """
        self._mend()
        self._torn = True
        try:
            written = _write_all(self._descriptor, parts)
            if self._sync:
                sync_data(self._descriptor)
        except OSError:
            self._mend()
            raise
        self._torn = False
        self.size += written
        self.items += items
        self._keys += keys

    def _mend(self) -> None:
        """Cut what a failed write left; where even that fails, it is tried again before anything follows."""
        if self._torn:
            os.ftruncate(self._descriptor, self.size)
            self._torn = False

    def seal(self) -> Segment | None:
        """Close the file; an empty one is removed."""
        with contextlib.suppress(OSError):  # whoever reads a torn tail stops before it
            self._mend()
        os.close(self._descriptor)
        if not self.size:
            self.path.unlink(missing_ok=True)
            return None
        return Segment(self.path, self.items, self.size, bytes(self._keys), untried=True)


def _write_all(descriptor: int, parts: Sequence[bytes]) -> int:
    """Write every part and give the number of bytes."""
    total = 0
    for at in range(0, len(parts), _PARTS_AT_ONCE):
        left = [memoryview(part) for part in parts[at : at + _PARTS_AT_ONCE]]
        while left:
            written = os.writev(descriptor, left)
            total += written
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if left:
                left[0] = left[0][written:]
    return total


def sync_data(descriptor: int) -> None:
    """Flush a file's data to the disk (macOS has no fdatasync)."""
    getattr(os, "fdatasync", os.fsync)(descriptor)
