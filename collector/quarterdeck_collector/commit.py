"""Group commit: many requests, one write and one sync; each is answered when its bytes are on disk."""

import asyncio
import errno
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck_collector.request_keys import REMEMBERED_REQUESTS, RequestKeys, key_of
from quarterdeck_collector.segments import OpenSegment, Segment, length_of

log = logging.getLogger("quarterdeck.collector")

TIMER_STEP: Final = 0.002
"""Seconds that uvloop's timers, which count milliseconds, may be early: nobody would ask again."""

STRETCH: Final = 4
"""How many times its usual age a segment may reach while ClickHouse is busy: forwarding waits for it too."""


class SpoolFullError(Exception):
    """Nothing more can be kept on disk for now."""


@dataclass
class Budget:
    """Bytes that may wait on disk, shared by all streams.

    Args:
        limit: How many.
        used: Of segments.
        aside: Of requests that ClickHouse does not take.
    """

    limit: int
    used: int = 0
    aside: int = 0

    def problem(self, more: int = 1) -> str:
        """Say why ``more`` bytes cannot be kept; empty if they can."""
        if self.used + self.aside + more <= self.limit:
            return ""
        return f"{self.used} bytes wait for ClickHouse" + (f", {self.aside} are set aside" if self.aside else "")


@dataclass(frozen=True)
class SegmentLimits:
    """When a segment is sealed.

    Args:
        size: Bytes at which it is, unless it would only wait.
        age: Seconds after its first request at which it is, :data:`STRETCH` times as many if it would only wait.
        largest: Bytes at which it is in any case.
    """

    size: int
    age: float
    largest: int


@dataclass
class _Waiting:
    parts: tuple[bytes, bytes]
    """Its length and the request: joining them would copy every request once more."""
    items: int
    key: bytes
    done: "asyncio.Future[None]"
    size: int


class CommitLog:
    """The open segment of one signal.

    Args:
        folder: Where segments are written.
        budget: Limit shared with other signals.
        limits: When a segment is sealed.
        on_sealed: Told of each sealed segment.
        busy: Whether the segment would only wait if it were sealed now. An insert costs much the same for few requests
            as for many, so it then goes on growing; whoever says so calls :meth:`seal_if_ripe` when that is over.
        gathering: Whether a segment that is not large had better grow, for the same reason and with the same call.
        sync: Whether what is acknowledged must survive a power cut, not only the end of this process.
        leave: Bytes of the disk that are left to others, beside as many as wait: ClickHouse, if it is on the same disk,
            needs those to take what waits.
        on_committed: Told of requests that have just been written: Position of their first record, their framed bytes
            and the number of records.
    """

    def __init__(
        self,
        folder: Path,
        budget: Budget,
        limits: SegmentLimits,
        on_sealed: Callable[[Segment], None],
        *,
        busy: Callable[[], bool] = lambda: False,
        gathering: Callable[[], bool] = lambda: False,
        sync: bool = True,
        leave: int = 0,
        on_committed: Callable[[int, list[bytes], int], None] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._budget = budget
        self._limits = limits
        self._on_sealed = on_sealed
        self._busy = busy
        self._gathering = gathering
        self._sync = sync
        self._leave = leave
        self._on_committed = on_committed
        self._segment: OpenSegment | None = None
        self._waiting: list[_Waiting] = []
        self._commits: asyncio.Task[None] | None = None
        self._begun: float | None = None
        self._seen: OrderedDict[bytes, asyncio.Future[None] | None] = OrderedDict()
        self._keys = RequestKeys(folder, sync=sync)
        for key in self._keys:
            self._know(key, None)
        self.problem = ""
        """Why the last write failed; empty if it did not."""
        self._disk = ThreadPoolExecutor(1, thread_name_prefix=f"commit-{folder.name}")

    @property
    def open_items(self) -> int:
        """Spans or records in the open segment."""
        return self._segment.items if self._segment else 0

    def remember(self, body: bytes | memoryview) -> bytes:
        """Treat ``body`` as a request that was acknowledged before, and give its key."""
        key = key_of(body)
        self._know(key, None)
        return key

    def forget(self, segments: Iterable[Segment]) -> None:
        """Prepare for the removal of ``segments``: their requests stay known, also across a restart.

        On a full disk that cannot be written down; the room that the segments take is then worth more.
        """
        try:
            self._keys.add(b"".join(segment.keys for segment in segments))
        except OSError as error:
            log.warning("requests in %s are not known after a restart: %s", self._folder, error.strerror)

    def _know(self, key: bytes, done: "asyncio.Future[None] | None") -> None:
        self._seen[key] = done
        if len(self._seen) > REMEMBERED_REQUESTS:
            self._seen.popitem(last=False)

    async def append(self, body: bytes, items: int) -> bool:
        """Return when ``body`` is on disk.

        Args:
            body: One serialised OTLP request.
            items: Spans or records in it.

        Returns:
            False if the same body was committed before.

        Raises:
            SpoolFullError: If the spool or the disk is full.
        """
        key = key_of(body)
        if key in self._seen:
            if (earlier := self._seen[key]) is not None:
                await asyncio.shield(earlier)
            return False
        if problem := self._budget.problem(len(body)):
            raise SpoolFullError(problem)
        head = length_of(body)
        done = asyncio.get_running_loop().create_future()
        waiting = _Waiting((head, body), items, key, done, len(head) + len(body))
        waiting.done.add_done_callback(_retrieve)
        self._know(key, waiting.done)
        self._waiting.append(waiting)
        self._budget.used += waiting.size
        if self._commits is None:
            self._commits = asyncio.create_task(self._commit_all())
        await asyncio.shield(waiting.done)
        return True

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await loop.run_in_executor(self._disk, self._write, batch)
                except OSError as error:
                    self._fail(batch, error)
                else:
                    self._acknowledge(batch)
        finally:
            self._commits = None

    def _write(self, batch: list[_Waiting]) -> None:
        if self._leave:
            disk = os.statvfs(self._folder)
            free, kept = disk.f_bavail * disk.f_frsize, self._leave + self._budget.used
            if free < kept:
                raise OSError(
                    errno.ENOSPC,
                    f"the disk is nearly full: {free >> 20} MiB are left, {kept >> 20} MiB are kept free for what "
                    "waits; free some space",
                )
        if self._segment is None:
            self._segment = OpenSegment(self._folder, sync=self._sync)
        self._segment.append(
            [part for item in batch for part in item.parts],
            sum(item.items for item in batch),
            b"".join(item.key for item in batch),
        )

    def _fail(self, batch: list[_Waiting], error: OSError) -> None:
        self.problem = f"cannot write to {self._folder}: {error.strerror}"
        for item in batch:
            self._seen.pop(item.key, None)
            self._budget.used -= item.size
            item.done.set_exception(SpoolFullError(self.problem))
        # The timer may have found this commit under way: what was acknowledged before must not wait for better times.
        if self._ripe():
            self._seal()

    def _acknowledge(self, batch: list[_Waiting]) -> None:
        self.problem = ""
        for item in batch:
            item.done.set_result(None)
            if item.key in self._seen:
                self._seen[item.key] = None
        if self._segment is not None and self._on_committed is not None:
            items = sum(item.items for item in batch)
            framed = [b"".join(item.parts) for item in batch]
            self._on_committed(self._segment.next_position - items, framed, items)
        if self._begun is None:
            loop = asyncio.get_running_loop()
            self._begun = loop.time()
            for times in (1, STRETCH):
                loop.call_at(self._begun + times * self._limits.age, self.seal_if_ripe)
        if self._ripe():
            self._seal()

    def seal_if_ripe(self) -> None:
        """Seal the segment if it is old or large enough."""
        if self._commits is None and self._ripe():  # else the disk thread holds the file, and will ask again
            self._seal()

    def _ripe(self) -> bool:
        if self._segment is None or self._begun is None:
            return False
        size, age = self._segment.size, asyncio.get_running_loop().time() + TIMER_STEP - self._begun
        if self._busy():
            return size >= self._limits.largest or age >= STRETCH * self._limits.age
        return size >= self._limits.size or (age >= self._limits.age and not self._gathering())

    def _seal(self) -> None:
        self._begun = None
        segment, self._segment = self._segment, None
        if segment is not None and (sealed := segment.seal()) is not None:
            self._on_sealed(sealed)

    async def close(self) -> None:
        """Commit what is waiting and seal the segment."""
        while self._commits is not None:
            await asyncio.shield(self._commits)
        self._seal()
        self._disk.shutdown()


def _retrieve(done: "asyncio.Future[None]") -> None:
    """Look at the outcome: a client that went away does not."""
    if not done.cancelled():
        done.exception()
