"""What waits for one target: hard links to sealed segments, so that nothing is copied and nobody waits for it.

The name of a link carries its progress: ``SEGMENT.ITEMS.DONE.otlp`` has ITEMS spans or records left after DONE
requests. A rename is atomic: after a crash, what was sent last may be sent once more, and nothing is missing.
A segment that ClickHouse has not taken yet survives in its own folder when its link is gone: ``SEGMENT.done`` then
says that it needs no new one after a restart. A power cut loses no link before its segment, because a segment is
removed after a sync of the whole file system only.
"""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck_collector.segments import SUFFIX, Segment

log = logging.getLogger("quarterdeck.collector")

_DONE: Final = ".done"


@dataclass(eq=False)
class Entry:
    """A link, and how far it was forwarded."""

    signal: str
    stem: str
    path: Path
    items: int
    done: int
    size: int


class Spool:
    """The links of one target.

    Args:
        folder: Where they are, in one folder for each signal.
        originals: Where segments are, in one folder for each signal.
        signals: Which signals the target gets.
        limit: Bytes that may wait; the oldest segments make room for new ones.
        on_dropped: Told the signal, the number of items and the reason of what will not be forwarded.
    """

    def __init__(
        self,
        folder: Path,
        originals: Path,
        signals: Iterable[str],
        limit: int,
        on_dropped: Callable[[str, int, str], None],
    ) -> None:
        self._folder = folder
        self._originals = originals
        self._limit = limit
        self._on_dropped = on_dropped
        self._queues: dict[str, deque[Entry]] = {signal: deque() for signal in signals}
        self._finished: dict[str, deque[str]] = {signal: deque() for signal in signals}
        self._held: set[Entry] = set()
        self._known: dict[str, set[str]] = {signal: set() for signal in self._queues}
        self.bytes = 0
        for signal in self._queues:
            (folder / signal).mkdir(parents=True, exist_ok=True)
            self._load(signal)

    def _load(self, signal: str) -> None:
        folder = self._folder / signal
        done = {path.stem for path in folder.glob(f"*{_DONE}")}
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            stem, items, requests, _ = path.name.rsplit(".", 3)
            if stem in done:  # the end came between the two steps of finish
                path.unlink()
                continue
            self._put(Entry(signal, stem, path, int(items), int(requests), path.stat().st_size))
        self._finished[signal].extend(sorted(done))
        self._known[signal] |= done
        self._forget_finished(signal)

    def _put(self, entry: Entry) -> None:
        self._queues[entry.signal].append(entry)
        self._known[entry.signal].add(entry.stem)
        self.bytes += entry.size

    def waiting(self, signal: str) -> int:
        """Count the spans or records that wait."""
        return sum(entry.items for entry in self._queues[signal])

    def knows(self, signal: str, segment: Segment) -> bool:
        """Whether a segment was offered before: its link waits, or it needs none any more."""
        return segment.path.stem in self._known[signal]

    def offer(self, signal: str, segment: Segment) -> None:
        """Link a sealed segment."""
        stem = segment.path.stem
        path = self._folder / signal / f"{stem}.{segment.items}.0{SUFFIX}"
        self._make_room(segment.size)
        if self.bytes and self.bytes + segment.size > self._limit:
            self._on_dropped(signal, segment.items, "spool_full")
            self._mark(signal, stem)
            return
        try:
            os.link(segment.path, path)
        except OSError as error:
            log.error("%s cannot be linked for forwarding: %s", segment.path, error.strerror)  # noqa: TRY400 - one line
            self._on_dropped(signal, segment.items, "disk")
            return
        self._put(Entry(signal, stem, path, segment.items, 0, segment.size))

    def _make_room(self, size: int) -> None:
        while self.bytes + size > self._limit and (oldest := self._oldest()) is not None:
            self.drop(oldest, "spool_full")

    def _oldest(self) -> Entry | None:
        """Give the oldest entry that nobody is sending."""
        free = (next((entry for entry in queue if entry not in self._held), None) for queue in self._queues.values())
        return min((entry for entry in free if entry), key=lambda entry: entry.stem, default=None)

    def first(self, signal: str) -> Entry | None:
        """Give the oldest entry of a signal; it is held until :meth:`finish` or :meth:`drop`."""
        queue = self._queues[signal]
        if not queue:
            return None
        self._held.add(queue[0])
        return queue[0]

    def advance(self, entry: Entry, requests: int, items: int) -> None:
        """Note that further ``requests`` of an entry, with ``items`` in them, need not be sent any more."""
        entry.done += requests
        entry.items = max(0, entry.items - items)
        path = entry.path.with_name(f"{entry.stem}.{entry.items}.{entry.done}{SUFFIX}")
        with contextlib.suppress(OSError):  # this process remembers; a next one would send it again
            entry.path.rename(path)
            entry.path = path

    def drop(self, entry: Entry, reason: str) -> None:
        """Forward the rest of an entry no more."""
        self._on_dropped(entry.signal, entry.items, reason)
        self.finish(entry)

    def finish(self, entry: Entry) -> None:
        """Forget an entry of which nothing is left to send."""
        self._known[entry.signal].discard(entry.stem)
        self._mark(entry.signal, entry.stem)
        entry.path.unlink(missing_ok=True)
        self._queues[entry.signal].remove(entry)
        self._held.discard(entry)
        self.bytes -= entry.size
        self._forget_finished(entry.signal)

    def _mark(self, signal: str, stem: str) -> None:
        if self._waits_for_clickhouse(signal, stem):
            self._marker(signal, stem).touch()
            self._finished[signal].append(stem)
            self._known[signal].add(stem)

    def _forget_finished(self, signal: str) -> None:
        finished = self._finished[signal]
        while finished and not self._waits_for_clickhouse(signal, finished[0]):
            self._marker(signal, finished[0]).unlink(missing_ok=True)
            self._known[signal].discard(finished.popleft())

    def _waits_for_clickhouse(self, signal: str, stem: str) -> bool:
        return (self._originals / signal / f"{stem}{SUFFIX}").exists()

    def _marker(self, signal: str, stem: str) -> Path:
        return self._folder / signal / f"{stem}{_DONE}"
