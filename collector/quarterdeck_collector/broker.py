"""Live events to whoever listens, in this process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

BACKLOG: Final = 2_000
"""Events that may wait for one listener; a slower one is dropped with a notice."""

Event = dict[str, Any]


class Subscription:
    """One listener's queue of events."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(BACKLOG)
        self.dropped = False

    def offer(self, events: list[Event]) -> bool:
        """Queue ``events``; False if there is no room for them all."""
        if self._queue.qsize() + len(events) >= BACKLOG:
            self.dropped = True
            self.end()
            return False
        for event in events:
            self._queue.put_nowait(event)
        return True

    def end(self) -> None:
        """Let the listener's loop end after what is queued."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self, patience: float) -> Event | None:
        """Give the next event; None at the end.

        Args:
            patience: Seconds to wait.

        Raises:
            TimeoutError: If none came in time.
        """
        async with asyncio.timeout(patience):
            return await self._queue.get()


class Broker:
    """All listeners."""

    def __init__(self) -> None:
        self._listeners: set[Subscription] = set()

    def subscribe(self) -> Subscription:
        """Start to collect events for a new listener."""
        subscription = Subscription()
        self._listeners.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a listener."""
        self._listeners.discard(subscription)

    def publish(self, events: list[Event]) -> None:
        """Hand ``events`` to every listener; those without room are dropped."""
        self._listeners = {listener for listener in self._listeners if listener.offer(events)}

    def close(self) -> None:
        """End every listener's loop."""
        for listener in self._listeners:
            listener.end()
        self._listeners.clear()


async def server_sent_events(
    subscription: Subscription, backlog: list[Event], run: str | None, keep_alive: float = 15
) -> AsyncIterator[str]:
    """Write events as ``text/event-stream``.

    Args:
        subscription: Where they come from.
        backlog: Events to send first.
        run: Only of this run; None for all.
        keep_alive: Seconds of silence after which a comment is sent.
    """
    import json

    position = 0
    pending: list[Event | None] = list(backlog)
    while True:
        try:
            event = pending.pop(0) if pending else await subscription.next(keep_alive)
        except TimeoutError:
            yield ": keep-alive\n\n"
            continue
        if event is None:
            break
        if event["Position"] > position and run in (None, event["RunId"]):
            position = event["Position"]
            yield f"id: {position}\nevent: {event['EventName']}\ndata: {json.dumps(event)}\n\n"
    if subscription.dropped:
        yield "event: quarterdeck.dropped\ndata: too slow; reconnect with Last-Event-ID to go on\n\n"
