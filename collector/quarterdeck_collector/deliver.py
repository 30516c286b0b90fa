"""Segments to ClickHouse: in order, with retries; one that is refused does not hold up the others."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from quarterdeck_collector.counters import Counters
from quarterdeck_collector.insertion import Insertion
from quarterdeck_collector.joining import HalfJoinedError, join
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import Segment
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0
"""Seconds between tries while ClickHouse is away or refuses a segment: doubled from the first to the longest."""

LONGEST_REST: Final = 2.0
"""Seconds for which small segments are gathered at most."""

DURABLE_EVERY: Final = 5.0
"""Seconds that an inserted segment may lie before it is removed."""

DIVIDE_AFTER: Final = 5
"""Refusals, about four seconds apart from first to last, after which a segment is divided."""

SMALL: Final = 256 << 10
"""Bytes below which a segment is divided only if ClickHouse takes others: else its size is hardly the reason."""

ASIDE_AFTER: Final = 25
"""Refusals, about five minutes, after which what cannot be divided is set aside if ClickHouse takes others."""

INSERTS_AT_ONCE: Final = 2
"""Segments of one signal that are inserted at the same time, for ClickHouse works on an insert with one thread. They
begin in order; a second one only with a segment that is as large as it may be, while ClickHouse takes what it gets."""

JOIN_FROM: Final = 4
"""How many waiting segments are joined at least: for fewer, writing them once more costs what it saves."""


class Delivery:
    """The queue of sealed segments of one signal.

    Args:
        insertion: Inserts one segment.
        signal: Name of the signal.
        counters: Counts stored and refused items.
        before_removal: Called, in a thread, with segments that are in ClickHouse; they are removed when it returns.
        on_removed: Told how many bytes have left the disk, or, if negative, have come to it.
        share: Share of the time that inserts of small segments may take.
        join_up_to: Bytes up to which segments that have waited are joined.
        beside_from: Bytes from which a segment may be inserted beside another one.
    """

    def __init__(
        self,
        insertion: Insertion,
        signal: str,
        counters: Counters,
        before_removal: Callable[[Sequence[Segment]], None],
        on_removed: Callable[[int], None],
        *,
        share: float = 1.0,
        join_up_to: int = 0,
        beside_from: float = math.inf,
    ) -> None:
        self._insertion = insertion
        self._signal = signal
        self._counters = counters
        self._before_removal = before_removal
        self._on_removed = on_removed
        self._share = share
        self._join_up_to = join_up_to
        self._beside_from = beside_from
        self._next_small = 0.0
        self._taken = 0
        self.on_free: Callable[[], None] = lambda: None
        """Told when another segment would be inserted at once."""
        self._queue: deque[Segment] = deque()
        self._inserting: list[Segment] = []
        self._resting: list[Segment] = []
        self._stored: list[Segment] = []
        self._free = 0
        self._work = asyncio.Event()
        self._closing = False
        self._away = False

    @property
    def waiting(self) -> list[Segment]:
        """Segments that are on disk and not in ClickHouse."""
        return [*self._inserting, *self._queue, *self._resting]

    @property
    def busy(self) -> bool:
        """Whether a segment is under way, so that the next one had better grow: a large one is inserted beside it."""
        return self._free < INSERTS_AT_ONCE

    @property
    def gathering(self) -> bool:
        """Whether a small segment had better grow, since the last insert has just been."""
        return asyncio.get_running_loop().time() < self._next_small

    @property
    def failing(self) -> bool:
        """Whether ClickHouse takes nothing; a segment that it refuses while it takes others is no reason."""
        return self._away or any(segment.attempts and not self._others_taken(segment) for segment in self.waiting)

    def put(self, segment: Segment) -> None:
        """Queue a sealed segment."""
        self._queue.append(segment)
        self._work.set()

    async def run(self) -> None:
        """Insert until :meth:`close` is called and the queue is empty or ClickHouse is away."""
        await asyncio.gather(*(self._work_off(leads=not number) for number in range(INSERTS_AT_ONCE)))

    async def _work_off(self, *, leads: bool) -> None:
        pause = FIRST_PAUSE
        while self._queue or not self._closing:
            if not self._queue or not (leads or self._may_be_beside(self._queue[0])):
                if self._closing:
                    return
                self._work.clear()
                await self._while_free(self._work.wait())
            elif (segment := await self._take()) is None or await self._deliver(segment):
                pause = FIRST_PAUSE
            elif self._closing:
                return
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _may_be_beside(self, segment: Segment) -> bool:
        return segment.size >= self._beside_from and not self._away

    async def _while_free(self, rest: Awaitable[object]) -> None:
        self._free += 1
        self.on_free()
        try:
            await rest
        finally:
            self._free -= 1

    async def _take(self) -> Segment | None:
        """Take the first segment off the queue, or one made of the first few; None if they must wait for a start."""
        count = self._worth_joining()
        taken = [self._queue.popleft() for _ in range(max(count, 1))]
        if not count:
            return taken[0]
        self._inserting += taken
        try:
            whole = await offload(join, taken)
        except HalfJoinedError as error:
            log.error("%s; %d segments wait for the next start", error, count)  # noqa: TRY400 - one line
            self._resting += taken
            return None
        except (OSError, asyncio.CancelledError) as error:
            self._queue.extendleft(reversed(taken))
            if not isinstance(error, OSError):
                raise
            log.warning("segments are not joined for now: %s", error)
            return self._queue.popleft()
        finally:
            for segment in taken:
                self._inserting.remove(segment)
        self._counters.add("joined_segments", count, signal=self._signal)
        return whole

    def _worth_joining(self) -> int:
        """Count the segments at the head of the queue that had better be inserted together."""
        size = count = 0
        for segment in self._queue:
            size += segment.size
            if not segment.untried or size > self._join_up_to:
                break
            count += 1
        return count if count >= JOIN_FROM else 0

    async def _deliver(self, segment: Segment) -> bool:
        """Try one segment; False if ClickHouse is away."""
        self._inserting.append(segment)
        segment.untried = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            refused = await offload(self._insertion.insert, segment)
        except StoreError as error:
            if error.unavailable:
                self._postpone(segment, error)
                return False
            await self._refused(segment, error)
        except asyncio.CancelledError:
            self._queue.appendleft(segment)
            raise
        else:
            self._settle(segment, refused)
            rest = min((loop.time() - began) * (1 / self._share - 1), LONGEST_REST)
            self._next_small = loop.time() + rest
            loop.call_later(rest, self.on_free)
        finally:
            self._inserting.remove(segment)
        return True

    def _settle(self, segment: Segment, refused: int) -> None:
        self._stored.append(segment)
        self._taken += refused < segment.items
        self._counters.add("stored_items", segment.items - refused, signal=self._signal)
        if refused:
            self._counters.add("refused_items", refused, signal=self._signal)
        if self._away:
            log.warning("ClickHouse takes %s again; %d segments wait", self._signal, len(self._queue))
            self._away = False

    def _postpone(self, segment: Segment, error: StoreError) -> None:
        overtaken = bool(self._queue) and self._queue[0].path.name < segment.path.name
        self._queue.insert(int(overtaken), segment)
        if not self._away:
            self._away = True
            log.warning("ClickHouse does not take %s, will try again: %s", self._signal, error)

    async def _refused(self, segment: Segment, error: StoreError) -> None:
        """Try a segment again later: as it is, since parts of it may be stored, in halves, or at last not at all."""
        if not segment.attempts:
            log.warning("ClickHouse refuses %s, will try again: %s", segment.path, error)
            segment.taken_before = self._taken
        segment.attempts += 1
        try:
            if not error.half_stored and self._may_be_too_large(segment) and await self._divide(segment):
                return
            if segment.attempts >= ASIDE_AFTER and self._others_taken(segment):
                await offload(self._set_aside, segment, error)
                self._counters.add("refused_items", segment.items, signal=self._signal)
                self._on_removed(segment.size)
                return
        except (StoreError, OSError) as problem:
            log.warning("%s stays as it is for now: %s", segment.path, problem)
        self._rest(segment)

    def _others_taken(self, segment: Segment) -> bool:
        """Whether ClickHouse has taken others since it refused this one: then the reason lies in this one."""
        return self._taken > segment.taken_before

    def _may_be_too_large(self, segment: Segment) -> bool:
        return segment.attempts >= DIVIDE_AFTER and (segment.size > SMALL or self._others_taken(segment))

    async def _divide(self, segment: Segment) -> bool:
        """Go on with the halves of a segment, if it can be divided."""
        halves = await offload(self._cut, segment)
        for half in halves:
            if self._others_taken(segment):
                self.put(half)
            else:
                self._rest(half)
        if halves:
            self._counters.add("divided_segments", signal=self._signal)
            self._on_removed(segment.size - sum(half.size for half in halves))
        return bool(halves)

    def _cut(self, segment: Segment) -> list[Segment]:
        self._know(segment)
        return self._insertion.divide(segment)

    def _set_aside(self, segment: Segment, error: StoreError) -> None:
        self._know(segment)
        self._insertion.set_aside(segment, error)

    def _know(self, segment: Segment) -> None:
        """Have its requests known for good before it loses its name."""
        if segment.keys:
            self._before_removal([segment])
            segment.keys = b""

    def _rest(self, segment: Segment) -> None:
        pause = min(FIRST_PAUSE * 2 ** (segment.attempts - 1), LONGEST_PAUSE)
        self._resting.append(segment)
        asyncio.get_running_loop().call_later(pause, self._put_again, segment)

    def _put_again(self, segment: Segment) -> None:
        self._resting.remove(segment)
        self.put(segment)

    async def checkpoint(self) -> None:
        """Remove the segments that are in ClickHouse.

        Raises:
            StoreError: If they have to stay for now.
            OSError: If they have to stay for now.
        """
        if not self._stored:
            return
        done = list(self._stored)
        await offload(self._remove, done)
        self._stored = self._stored[len(done) :]
        self._on_removed(sum(segment.size for segment in done))

    def _remove(self, segments: Sequence[Segment]) -> None:
        self._before_removal(segments)
        for segment in segments:
            segment.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let :meth:`run` end."""
        self._closing = True
        self._work.set()
