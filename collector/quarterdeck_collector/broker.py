"""Events to whoever listens, in this process: each is encoded once and goes to those whose filter it passes."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from quarterdeck_collector.listen.filters import Filter
from quarterdeck_collector.listen.messages import Cursor, Message

BACKLOG: Final = 2_000
BACKLOG_BYTES: Final = 8 << 20
"""Events and bytes that may wait for one listener; a slower one is dropped with a notice."""


class Subscription:
    """What waits for one listener.

    Args:
        start: Everything behind this was told before; what comes after it will be here.
    """

    def __init__(self, start: Cursor) -> None:
        self.start = start
        self.dropped = False
        self.ended = False
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._events = self._bytes = 0
        self._news = asyncio.Event()

    def offer(self, chunk: bytes, events: int) -> None:
        """Queue encoded events; a listener that has others waiting and no room for these is dropped."""
        if self._chunks and (self._events + events > BACKLOG or self._bytes + len(chunk) > BACKLOG_BYTES):
            self.drop()
            return
        self._chunks.append((chunk, events))
        self._events += events
        self._bytes += len(chunk)
        self._news.set()

    def drop(self) -> None:
        """Let go of a listener that is too slow."""
        self.dropped = True
        self._chunks.clear()
        self.end()

    def end(self) -> None:
        """Let the listener's loop end after what is queued."""
        self.ended = True
        self._news.set()

    @property
    def over(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self.ended and not self._chunks

    async def next(self, patience: float) -> bytes:
        """Give the next encoded events; nothing when it has ended meanwhile.

        Args:
            patience: Seconds to wait.

        Raises:
            TimeoutError: If none came in time.
        """
        if not self._chunks and not self.ended:
            self._news.clear()
            async with asyncio.timeout(patience):
                await self._news.wait()
        if not self._chunks:
            return b""
        chunk, events = self._chunks.popleft()
        self._events -= events
        self._bytes -= len(chunk)
        return chunk


class Broker:
    """All listeners, and how far the stream is."""

    def __init__(self) -> None:
        now = time.time_ns()
        self.cursor = Cursor(now, now)
        """Everything behind this has been told."""
        self._listeners: dict[Filter, set[Subscription]] = {}
        self.closed = False

    @contextlib.contextmanager
    def listening(self, wanted: Filter) -> Iterator[Subscription]:
        """Collect events for a new listener until the block ends."""
        subscription = Subscription(self.cursor)
        if self.closed:
            subscription.end()
        self._listeners.setdefault(wanted, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._forget(wanted, subscription)

    def _forget(self, wanted: Filter, subscription: Subscription) -> None:
        listeners = self._listeners.get(wanted, set())
        listeners.discard(subscription)
        if not listeners:
            self._listeners.pop(wanted, None)

    @property
    def listened(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def wants(self, name: str) -> bool:
        """Whether anybody may want events of this name."""
        return any(not wanted.names or name in wanted.names for wanted in self._listeners)

    def advance(self, *, live: int = 0, log: int = 0) -> None:
        """Say that everything up to these Positions has been told, or need not be."""
        self.cursor = Cursor(max(self.cursor.live, live), max(self.cursor.log, log))

    def publish(self, messages: Sequence[Message]) -> None:
        """Hand ``messages`` to every listener that wants them."""
        for wanted, listeners in list(self._listeners.items()):
            frames = [message.frame for message in messages if wanted.passes(message)]
            if frames:
                chunk = b"".join(frames)
                for listener in list(listeners):
                    listener.offer(chunk, len(frames))
                    if listener.ended:
                        self._forget(wanted, listener)

    def drop_all(self, name: str) -> None:
        """Drop every listener that may want events of this name: they cannot be told in time."""
        for wanted, listeners in list(self._listeners.items()):
            if not wanted.names or name in wanted.names:
                for listener in list(listeners):
                    listener.drop()
                    self._forget(wanted, listener)

    def close(self) -> None:
        """End every listener's loop."""
        self.closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end()
        self._listeners.clear()
