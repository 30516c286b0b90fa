"""``GET /v1/live``: server-sent events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from quarterdeck_collector.collector import Collector
from quarterdeck_collector.listen import live_events, logs
from quarterdeck_collector.listen.filters import Filter, FilterError
from quarterdeck_collector.listen.messages import Cursor, CursorError, iso, place
from quarterdeck_collector.listen.names import DROPPED, GAP, LOG_ENTRY
from quarterdeck_collector.receive.intake import RETRY_SECONDS
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.threads import offload

KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a comment is sent."""

COME_BACK_MS: Final = 1_000
"""Milliseconds after which a browser connects again."""

_NANOSECONDS: Final = 1_000_000_000

router = APIRouter(prefix="/v1")


class Asked(BaseModel):
    """The query of a listener."""

    run: list[str] = Field([], description="Only events of these runs.")
    pipeline: list[str] = Field([], description="Only events of these pipelines.")
    event: list[str] = Field([], description="Only these events, such as step:started, step:* or log:entry.")
    severity: str = Field("", description="Least severity of log entries: trace, debug, info, warn, error or fatal.")
    last_event_id: str = Field("", description="As the header Last-Event-ID, for clients that cannot send it.")


@router.get("/live", response_class=StreamingResponse)
async def follow(
    request: Request,
    asked: Annotated[Asked, Query()],
    last_event_id: Annotated[str, Header(description="Go on after this event.")] = "",
) -> StreamingResponse:
    """Follow events as they arrive (server-sent events); a listener who comes back gets what it has missed."""
    collector: Collector = request.app.state.collector
    came_from = last_event_id or asked.last_event_id
    try:
        wanted = Filter.parse(asked.run, asked.pipeline, asked.event, asked.severity)
        start = Cursor.parse(came_from) if came_from else None
    except (FilterError, CursorError) as error:
        raise HTTPException(400, str(error)) from error
    past = None if start is None else Past(collector, wanted, start)
    try:
        if past is not None:
            await past.begin()
    except StoreError as error:
        text = f"earlier events cannot be read: {error}"
        raise HTTPException(503, text, {"Retry-After": str(RETRY_SECONDS)}) from error
    return StreamingResponse(
        _events(collector, wanted, past), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(collector: Collector, wanted: Filter, past: "Past | None") -> AsyncIterator[bytes]:
    with collector.broker.listening(wanted) as subscription:
        yield f"retry: {COME_BACK_MS}\n\n".encode()
        if past is not None:
            try:
                async for chunk in past.until(subscription.start):
                    yield chunk
            except (StoreError, FileNotFoundError):
                return  # the listener comes back with the id of the last event that it got
        yield place(subscription.start)
        while not subscription.over:
            try:
                yield await subscription.next(KEEP_ALIVE)
            except TimeoutError:
                yield b": keep-alive\n" + place(collector.broker.cursor)
        if subscription.dropped:
            yield _notice(DROPPED, "this listener was too slow; connect again with Last-Event-ID to get the rest")


def _notice(name: str, reason: str, **more: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'reason': reason, **more})}\n\n".encode()


class Past:
    """What a listener missed: live events from the table, log entries from the newest segments.

    Args:
        collector: Has both.
        wanted: What it wants.
        start: Where it was.
    """

    def __init__(self, collector: Collector, wanted: Filter, start: Cursor) -> None:
        self._collector = collector
        self._wanted = wanted
        self._at = start
        self._wants_live = wanted.live_events is None or bool(wanted.live_events)

    async def begin(self) -> None:
        """Find out, before anything is answered, whether the table can be read.

        Raises:
            StoreError: If it cannot.
        """
        if self._wants_live:
            await self._collector.live.settled()
            await offload(live_events.page, self._collector.store, self._wanted, self._at, self._at.live)

    async def until(self, end: Cursor) -> AsyncIterator[bytes]:
        """Give everything up to ``end``.

        Raises:
            StoreError: If the table cannot be read any more, or the collector stops.
            FileNotFoundError: If log segments went away meanwhile.
        """
        for notice in self._gaps():
            yield notice
        if self._wants_live:
            async for chunk in self._live_events(end.live):
                yield chunk
        self._at = Cursor(max(self._at.live, end.live), self._at.log)
        if self._wanted.wants_logs:
            async for chunk in self._log_entries(end.log):
                yield chunk

    def _gaps(self) -> list[bytes]:
        found = []
        kept = time.time_ns() - live_events.KEPT_SECONDS * _NANOSECONDS
        if self._wants_live and self._at.live < kept:
            reason = "live events are kept for a day; for earlier ones read the spans in otel_traces"
            found.append(_notice(GAP, reason, before=iso(kept)))
        complete = self._collector.journal.complete_after
        if self._wanted.wants_logs and self._at.log < complete:
            reason = "only the newest log entries are kept for listeners; read earlier ones in otel_logs"
            found.append(_notice(GAP, reason, event=LOG_ENTRY, before=iso(complete)))
            self._at = Cursor(self._at.live, complete)
        return found

    async def _live_events(self, until: int) -> AsyncIterator[bytes]:
        collector = self._collector
        await collector.live.settled()
        while True:
            found = await offload(live_events.page, collector.store, self._wanted, self._at, until)
            if found:
                yield b"".join(message.frame for message in found)
            if len(found) < live_events.PAGE:
                return
            self._at = found[-1].cursor or self._at
            self._go_on()

    async def _log_entries(self, until: int) -> AsyncIterator[bytes]:
        parts = self._collector.journal.read(self._at.log, until)
        while (rows := await asyncio.to_thread(next, parts, None)) is not None:
            messages = [logs.message(row, self._at.live) for row in rows]
            if chunk := b"".join(message.frame for message in messages if self._wanted.passes(message)):
                yield chunk
            self._go_on()

    def _go_on(self) -> None:
        """Leave the rest for later when the collector stops."""
        if self._collector.broker.closed:
            raise StoreError("the collector is stopping", 0)
