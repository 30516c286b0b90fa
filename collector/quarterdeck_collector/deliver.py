"""Segments to ClickHouse: in order, with retries; one that can never be inserted does not hold up the others."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quarterdeck_collector.counters import Counters
from quarterdeck_collector.nested import flatten_body
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.segments import SUFFIX, Segment, frame, unframe
from quarterdeck_collector.store import Store, StoreError
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0
"""Seconds between tries while ClickHouse is away: doubled from the first to the longest."""

DURABLE_EVERY: Final = 5.0
"""Seconds that an inserted segment may lie before the store is synced and the segment removed."""

MOST_ATTEMPTS: Final = 8
"""Tries of a segment that ClickHouse refuses while it takes others."""


class Delivery:
    """The queue of sealed segments of one signal.

    Args:
        kind: Signal.
        table: Input table of that signal.
        store: Where to insert.
        counters: Counts stored and refused items.
        on_removed: Told how many bytes have left the disk.
    """

    def __init__(
        self, kind: Kind, table: str, store: Store, counters: Counters, on_removed: Callable[[int], None]
    ) -> None:
        self._kind = kind
        self._table = table
        self._store = store
        self._counters = counters
        self._on_removed = on_removed
        self._queue: deque[Segment] = deque()
        self._stored: list[Segment] = []
        self._work = asyncio.Event()
        self._closing = False
        self._failing_since_log = False

    @property
    def waiting_items(self) -> int:
        """Spans or records that are on disk and not in ClickHouse."""
        return sum(segment.items for segment in self._queue)

    @property
    def waiting_segments(self) -> int:
        """Segments not in ClickHouse yet."""
        return len(self._queue)

    @property
    def failing(self) -> bool:
        """Whether the last try found ClickHouse unable to take anything."""
        return self._failing_since_log

    def put(self, segment: Segment) -> None:
        """Queue a sealed segment."""
        self._queue.append(segment)
        self._work.set()

    async def run(self) -> None:
        """Insert until :meth:`close` is called and the queue is empty or ClickHouse is away."""
        pause = FIRST_PAUSE
        while self._queue or not self._closing:
            if not self._queue:
                self._work.clear()
                await self._work.wait()
                continue
            if await self._deliver(self._queue[0]):
                pause = FIRST_PAUSE
                continue
            if self._closing:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _deliver(self, segment: Segment) -> bool:
        try:
            refused = await offload(self._insert, segment)
        except StoreError as error:
            return self._postpone(segment, error)
        self._queue.remove(segment)
        self._stored.append(segment)
        self._counters.add("stored_items", segment.items - refused, signal=self._kind.name)
        if refused:
            self._counters.add("refused_items", refused, signal=self._kind.name)
        if self._failing_since_log:
            log.warning("ClickHouse takes %s again; %d segments wait", self._kind.name, len(self._queue))
            self._failing_since_log = False
        return True

    def _postpone(self, segment: Segment, error: StoreError) -> bool:
        """Say what went wrong; True if the next segment may be tried at once."""
        if not error.unavailable:
            segment.attempts += 1
            self._queue.rotate(-1)
        if not self._failing_since_log:
            self._failing_since_log = True
            log.warning("ClickHouse does not take %s, will try again: %s", self._kind.name, error)
        return False

    def _insert(self, segment: Segment) -> int:
        """Insert one segment and give the number of items that ClickHouse can never take."""
        try:
            self._insert_file(segment.path, segment.token)
        except StoreError as error:
            if error.unavailable or (not error.bad_data and segment.attempts < MOST_ATTEMPTS):
                raise
            return self._insert_one_by_one(segment)
        return 0

    def _insert_file(self, path: Path, token: str) -> None:
        message = self._kind.request.DESCRIPTOR.name
        try:
            self._store.insert_otlp(self._table, path, message, token)
        except StoreError as error:
            if not error.nested_value:
                raise
            bodies, _ = unframe(path.read_bytes())
            flat = b"".join(frame(flatten_body(self._kind, bytes(body))) for body in bodies)
            with _scratch(path, flat) as rewritten:
                self._store.insert_otlp(self._table, rewritten, message, token)

    def _insert_one_by_one(self, segment: Segment) -> int:
        refused = 0
        bodies, _ = unframe(segment.path.read_bytes())
        for number, body in enumerate(bodies):
            with _scratch(segment.path, frame(bytes(body))) as single:
                try:
                    self._insert_file(single, f"{segment.token}-{number}")
                except StoreError as error:
                    if not error.bad_data:
                        raise
                    refused += self._kind.count_bytes(bytes(body))
                    _set_aside(single, f"{segment.path.stem}-{number}", error)
        return refused

    async def checkpoint(self) -> None:
        """Remove inserted segments once the store would survive a power cut."""
        done, self._stored = self._stored, []
        if done:
            await offload(self._store.make_durable)
            for segment in done:
                segment.path.unlink(missing_ok=True)
                self._on_removed(segment.size)

    def close(self) -> None:
        """Let :meth:`run` end."""
        self._closing = True
        self._work.set()


class _scratch:  # noqa: N801 - a context manager that reads like a function
    """A temporary neighbour of a segment."""

    def __init__(self, segment: Path, data: bytes) -> None:
        self._path = segment.with_name(f"{segment.name}.tmp")
        self._data = data

    def __enter__(self) -> Path:
        self._path.write_bytes(self._data)
        return self._path

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


def _set_aside(path: Path, name: str, error: StoreError) -> None:
    folder = path.parent / "rejected"
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}{SUFFIX}"
    path.replace(target)
    log.error("ClickHouse can never take this request, kept as %s: %s", target, error)
