"""Group commit: many requests, one write and one sync; each is answered when its bytes are on disk."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from quarterdeck_collector.segments import OpenSegment, Segment, frame

REMEMBERED_REQUESTS: Final = 50_000
"""How many request bodies are known by hash, to store a client's retry once."""

TIMER_STEP: Final = 0.002
"""Seconds that uvloop's timers, which count milliseconds, may be early: nobody would ask again."""


class SpoolFullError(Exception):
    """Nothing more can be kept on disk for now."""


@dataclass
class Budget:
    """Bytes that may wait on disk, shared by all streams."""

    limit: int
    used: int = 0


@dataclass
class _Waiting:
    data: bytes
    items: int
    key: bytes
    done: "asyncio.Future[None]"


class CommitLog:
    """The open segment of one signal.

    Args:
        folder: Where segments are written.
        budget: Limit shared with other signals.
        max_bytes: Size at which a segment is sealed at once.
        max_age: Seconds after its first request at which a segment is sealed.
        on_sealed: Told of each sealed segment.
        on_committed: Told of requests that have just been written: Position of their first record, their framed bytes
            and the number of records.
    """

    def __init__(
        self,
        folder: Path,
        budget: Budget,
        max_bytes: int,
        max_age: float,
        on_sealed: Callable[[Segment], None],
        *,
        on_committed: Callable[[int, list[bytes], int], None] = lambda *_: None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._budget = budget
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._on_sealed = on_sealed
        self._on_committed = on_committed
        self._segment: OpenSegment | None = None
        self._waiting: list[_Waiting] = []
        self._commits: asyncio.Task[None] | None = None
        self._due: float | None = None
        self._seen: OrderedDict[bytes, asyncio.Future[None] | None] = OrderedDict()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix=f"commit-{folder.name}")

    @property
    def open_items(self) -> int:
        """Spans or records in the open segment."""
        return self._segment.items if self._segment else 0

    def remember(self, body: bytes | memoryview) -> None:
        """Treat ``body`` as a request that was acknowledged before."""
        self._know(blake2b(body, digest_size=16).digest(), None)

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
        key = blake2b(body, digest_size=16).digest()
        if key in self._seen:
            if (earlier := self._seen[key]) is not None:
                await asyncio.shield(earlier)
            return False
        if self._budget.used + len(body) > self._budget.limit:
            raise SpoolFullError(f"{self._budget.used} bytes wait for ClickHouse")
        waiting = _Waiting(frame(body), items, key, asyncio.get_running_loop().create_future())
        waiting.done.add_done_callback(_retrieve)
        self._know(key, waiting.done)
        self._waiting.append(waiting)
        self._budget.used += len(waiting.data)
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
        if self._segment is None:
            self._segment = OpenSegment(self._folder)
        self._segment.append(b"".join(item.data for item in batch), sum(item.items for item in batch))

    def _fail(self, batch: list[_Waiting], error: OSError) -> None:
        for item in batch:
            self._seen.pop(item.key, None)
            self._budget.used -= len(item.data)
            item.done.set_exception(SpoolFullError(f"cannot write to {self._folder}: {error.strerror}"))
        # The timer may have found this commit under way: what was acknowledged before must not wait for better times.
        if self._is_due():
            self._seal()

    def _acknowledge(self, batch: list[_Waiting]) -> None:
        for item in batch:
            item.done.set_result(None)
            if item.key in self._seen:
                self._seen[item.key] = None
        if self._segment is not None:
            items = sum(item.items for item in batch)
            self._on_committed(self._segment.next_position - items, [item.data for item in batch], items)
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = now + self._max_age
            asyncio.get_running_loop().call_at(self._due, self._seal_if_due)
        if self._is_due() or (self._segment is not None and self._segment.size >= self._max_bytes):
            self._seal()

    def _seal_if_due(self) -> None:
        if self._commits is None and self._is_due():  # else the disk thread holds the file, and its commit will seal
            self._seal()

    def _is_due(self) -> bool:
        return self._due is not None and asyncio.get_running_loop().time() + TIMER_STEP >= self._due

    def _seal(self) -> None:
        self._due = None
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
