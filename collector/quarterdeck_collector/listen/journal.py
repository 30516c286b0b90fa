"""The newest log segments, kept for listeners who come back: hard links to the files that were inserted."""

import contextlib
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from quarterdeck_collector.listen.logs import AT_ONCE, entries
from quarterdeck_collector.listen.messages import Row
from quarterdeck_collector.segments import SUFFIX, Segment, first_position

KEPT_BYTES: Final = 32 << 20
KEPT_SECONDS: Final = 3_600
"""What is kept at most: bytes and age."""

FREE_SHARE: Final = 0.01
"""Nor more than this share of the free space: a full disk is not for listeners."""

_MARK: Final = "trimmed"
_NANOSECONDS: Final = 1_000_000_000

log = logging.getLogger("quarterdeck.collector")


@dataclass(frozen=True)
class _Kept:
    path: Path
    size: int

    @property
    def first(self) -> int:
        return first_position(self.path)

    @property
    def last(self) -> int:
        return self.first + int(self.path.stem.rpartition("-")[2]) - 1


class LogJournal:
    """Log segments, sealed and open, read by Position.

    Args:
        folder: Where the links lie.
        segments: Where the segments are written.
        clock: Nanoseconds since the epoch.
    """

    def __init__(self, folder: Path, segments: Path, clock: Callable[[], int] = time.time_ns) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segments = segments
        self._clock = clock
        self._kept = deque(_Kept(path, path.stat().st_size) for path in sorted(folder.glob(f"*{SUFFIX}")))
        self._size = sum(kept.size for kept in self._kept)
        self.complete_after = max((int(path.suffix[1:]) for path in folder.glob(f"{_MARK}.*[0-9]")), default=0)
        """Position behind which every entry is here."""

    def keep(self, segment: Segment) -> None:
        """Keep a sealed segment, also when it has been inserted and removed; never fails.

        Args:
            segment: On disk, under its own name; one that is kept already is not kept twice.
        """
        path = self._folder / f"{segment.path.stem}-{segment.items}{SUFFIX}"
        kept = _Kept(path, segment.size)
        try:
            os.link(segment.path, path)
        except FileExistsError:
            return
        except OSError as error:
            log.warning("listeners who come back will miss log entries: %s", error)
            self._mark(kept.last)
            return
        self._kept.append(kept)
        self._size += kept.size
        self.trim()

    def trim(self) -> None:
        """Let go of what is too old or too much; never fails."""
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            free = 0
        limit = min(KEPT_BYTES, FREE_SHARE * free)
        oldest = self._clock() - KEPT_SECONDS * _NANOSECONDS
        while self._kept and (self._size > limit or self._kept[0].first < oldest):
            self._drop_oldest()

    def clear(self) -> None:
        """Let go of everything, because it may hold what was deleted elsewhere."""
        while self._kept:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        kept = self._kept.popleft()
        self._size -= kept.size
        self._mark(kept.last)
        with contextlib.suppress(OSError):
            kept.path.unlink()

    def _mark(self, position: int) -> None:
        """Remember, also across a restart, how far entries are missing, by an empty file: a full disk takes it."""
        before, self.complete_after = self.complete_after, max(position, self.complete_after)
        with contextlib.suppress(OSError):
            (self._folder / f"{_MARK}.{self.complete_after}").touch()
            if before != self.complete_after:
                (self._folder / f"{_MARK}.{before}").unlink(missing_ok=True)

    def read(self, after: int, until: int) -> Iterator[list[Row]]:
        """Read log entries between two Positions, oldest first, some at a time.

        Args:
            after: Position before the first.
            until: Position of the last.

        Raises:
            FileNotFoundError: If not all of them are here any more.
        """
        paths = self._paths()
        if self.complete_after > after:
            raise FileNotFoundError(f"log entries up to {self.complete_after} are not kept any more")
        for path, following in zip_longest(paths, paths[1:]):
            first = first_position(path)
            if first > until or (following is not None and first_position(following) <= after + 1):
                continue
            rows = [row for row in entries(self._bytes(path), first) if after < row["Position"] <= until]
            yield from (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))

    def _paths(self) -> list[Path]:
        """Every segment once; those that are not sealed yet as well."""
        found = {_serial(path): path for path in self._segments.glob(f"*{SUFFIX}")}
        found |= {_serial(path): path for path in self._folder.glob(f"*{SUFFIX}")}
        return sorted(found.values(), key=first_position)

    def _bytes(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:  # sealed, inserted and removed since it was listed
            kept = next(self._folder.glob(f"{path.stem}-*{SUFFIX}"), None)
            if kept is None:
                raise
            return kept.read_bytes()


def _serial(path: Path) -> str:
    return "-".join(path.stem.split("-")[:3])
