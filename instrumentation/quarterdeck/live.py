"""The live channel: what runs right now, told while it runs.

Runs, steps and model calls register when they open. One daemon thread looks every 200 ms: whatever has outlived a look
is announced, and from then on its progress, chunks, heartbeats and end are sent. Short things cost nothing.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from quarterdeck import semconv
from quarterdeck.channel import Channel, record_of
from quarterdeck.context import Run, Step, identity_of, run_in, step_in
from quarterdeck.guard import guarded
from quarterdeck.live_kinds import RUN, Kind, Open
from quarterdeck.otel_variables import count

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

INTERVAL_S: Final = 0.2
HEARTBEAT_S: Final = 1.0
_LOGS_DELAY_MS: Final = 1_000
_ENDING: Final = guarded("send the end of a span")
_MAX_WAITING_CHARACTERS: Final = 4_000_000


class Live:
    """The open runs, steps and calls, and the thread that speaks of them.

    Args:
        events: where live events go.
        logs: where bridged log records go; the same thread sends them, once a second.
    """

    def __init__(self, events: Channel, logs: Channel) -> None:
        self._events = events
        self._logs = logs
        self._logs_every = max(1, round(count("OTEL_BLRP_SCHEDULE_DELAY", _LOGS_DELAY_MS) / 1_000 / INTERVAL_S))
        self._open: dict[int, Open] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def opened(
        self,
        kind: Kind,
        span: trace.Span,
        start: dict[str, Any] | BoundedAttributes,
        context: Context | None = None,
    ) -> None:
        """Register a span that starts.

        Args:
            kind: run, step or call.
            span: the span; one that does not record is ignored.
            start: what its start event carries beyond the identity; other keys are left out. Taken over.
            context: where to find the run and step; the current context by default.
        """
        if isinstance(span, ReadableSpan) and span.is_recording():
            run, step = run_in(context), step_in(context)
            self.register(Open(kind, span.get_span_context(), start, run=run, opened=(span, step)))

    def register(self, item: Open) -> None:
        """Register what has started, by hand."""
        if self._thread is None:
            self._ensure_thread()
        with self._lock:
            self._open[item.span.span_id] = item
        if not self._wake.is_set():
            self._wake.set()

    def is_open(self, span_id: int) -> bool:
        """Whether something is registered under this span id."""
        return span_id in self._open

    def forget(self, span_id: int) -> None:
        """Say nothing more of a span: another process does."""
        with self._lock:
            self._open.pop(span_id, None)

    def amend(self, span_id: int, start: Mapping[str, Any]) -> None:
        """Add to what the start event will carry."""
        with self._lock:
            item = self._open.get(span_id)
            if item is not None:
                item.start.update(start)

    def ended(self, span: ReadableSpan) -> None:
        """Note that a span has ended, whoever made it."""
        context = span.get_span_context()
        item = None if context is None else self._taken(context.span_id)
        if item is not None:
            with _ENDING:
                failed = span.status.status_code is trace.StatusCode.ERROR
                self._tell_end(item, span.end_time or 0, span.attributes or {}, span.status.description, failed=failed)

    def closed(
        self, span_id: int, end_ns: int, attributes: Mapping[str, Any], message: str | None = None, *, failed: bool
    ) -> None:
        """Note that something has ended; says so only if its start was announced."""
        item = self._taken(span_id)
        if item is not None:
            self._tell_end(item, end_ns, attributes, message, failed=failed)

    def _taken(self, span_id: int) -> Open | None:
        """Forget what has ended; gives it if its start was announced."""
        with self._lock:
            item = self._open.pop(span_id, None)
        return item if item is not None and item.announced else None

    def _tell_end(
        self, item: Open, end_ns: int, attributes: Mapping[str, Any], message: str | None, *, failed: bool
    ) -> None:
        self._flush_item(item, to_the_end=True)
        end = {key: value for key, value in attributes.items() if key in item.kind.end_keys}
        end |= {semconv.SPAN_END: end_ns, semconv.EXCEPTION_MESSAGE: message if failed else None}
        name = semconv.EVENT_PIPELINE_ERROR if failed and item.kind is RUN else item.kind.ended
        self._events.put(record_of(name, item.span, end_ns, {**item.base, **end}))
        self._wake.set()

    def chunk(self, span_id: int, kind: str, text: str) -> None:
        """Queue a streamed piece of a call; pieces of one kind are joined until the next look."""
        if not text:
            return
        with self._lock:
            item = self._open.get(span_id)
            if item is None or item.waiting_characters > _MAX_WAITING_CHARACTERS:
                return
            item.waiting_characters += len(text)
            if item.chunks and item.chunks[-1][0] == kind:
                item.chunks[-1][1].append(text)
            else:
                item.chunks = [*item.chunks, (kind, [text])]

    def progress(self, step: Step, attributes: dict[str, Any], message: str) -> None:
        """Queue the progress of a step; only the newest is sent at the next look."""
        with self._lock:
            item = self._open.get(step.span.get_span_context().span_id)
            if item is not None:
                item.progress = (time.time_ns(), attributes, message)

    def status(self, run: Run) -> None:
        """Tell a changed status of a run at once."""
        with self._lock:
            item = next((item for item in self._open.values() if item.run is run and item.kind is RUN), None)
            if item is not None:
                self._announce(item)
                self._beat(item)
        self._urgent.set()
        self._wake.set()

    def flush(self) -> bool:
        """Send every event and log record that is due."""
        self._look()
        told, logged = self._events.send(), self._logs.send()
        return told and logged

    def close(self, timeout_s: float) -> None:
        """Send what is left and stop, within ``timeout_s`` seconds."""
        timer = threading.Timer(timeout_s, self._abort)
        timer.daemon = True
        timer.start()
        self._stopping = True
        self._urgent.set()
        self._wake.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout_s + 1)
        timer.cancel()
        self._abort()

    def record(self, record: "LogRecord") -> None:
        """Queue a record that is kept with the logs."""
        self._logs.put(record)
        self.nudge()

    def nudge(self) -> None:
        """Wake the thread: log records wait."""
        self._ensure_thread()
        self._wake.set()

    def _abort(self) -> None:
        self._events.abort()
        self._logs.abort()

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = None
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._work, name="quarterdeck-live", daemon=True)
                self._thread.start()

    def after_fork(self) -> None:
        """Start afresh in a forked child: what was open belongs to the parent."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._thread = None
        self._open = {}
        self._events.forget()
        self._logs.forget()

    def _work(self) -> None:
        looks = 0
        while not self._stopping:
            if not (self._open or self._events or self._logs):
                self._wake.wait()
            self._wake.clear()
            self._urgent.wait(INTERVAL_S)
            self._urgent.clear()
            looks += 1
            with guarded("send live events"):
                self._look()
                self._events.send_due()
                if looks % self._logs_every == 0 or self._stopping:
                    self._logs.send()
        with guarded("send the last live events"):
            self.flush()

    def _look(self) -> None:
        now = time.monotonic()
        with self._lock:
            for item in self._open.values():
                if now - item.born >= INTERVAL_S:
                    self._announce(item)
                if item.announced:
                    self._flush_item(item)
                    if item.kind is RUN and now >= item.beat_at:
                        self._beat(item)

    def _announce(self, item: Open) -> None:
        if item.announced:
            return
        item.announced = True
        if item.opened is not None:
            item.base = _base(item, *item.opened)
            item.start_ns = item.opened[0].start_time or 0
            item.opened = None
        item.beat_at = time.monotonic() + HEARTBEAT_S
        start = {key: value for key, value in item.start.copy().items() if key in item.kind.start_keys}
        if item.kind is RUN and item.run is not None:
            start[semconv.RUN_STATUS] = item.run.status
        self._events.put(record_of(item.kind.started, item.span, item.start_ns, {**item.base, **start}))

    def _beat(self, item: Open) -> None:
        item.beat_at = time.monotonic() + HEARTBEAT_S
        status = item.run.status if item.run is not None else None
        attributes = {**item.base, semconv.RUN_STATUS: status}
        self._events.put(record_of(semconv.EVENT_HEARTBEAT, item.span, time.time_ns(), attributes))

    def _flush_item(self, item: Open, *, to_the_end: bool = False) -> None:
        if item.progress is not None:
            at, attributes, message = item.progress
            item.progress = None
            self._events.put(
                record_of(semconv.EVENT_STEP_PROGRESS, item.span, at, {**item.base, **attributes}, message)
            )
        chunks = [(kind, "".join(texts)) for kind, texts in item.chunks]
        item.chunks = []
        if chunks and not to_the_end:
            # A secret may be cut in two by the end of a look: its beginning waits for the rest.
            kind, text = chunks[-1]
            told = self._events.tellable(text)
            chunks[-1] = (kind, text[:told])
            item.chunks = [(kind, [text[told:]])] if told < len(text) else []
        for kind, text in chunks:
            if not text:
                continue
            attributes = {
                **item.base,
                semconv.CHUNK_SEQUENCE: item.sequence,
                semconv.CHUNK_TEXT: text,
                semconv.CHUNK_KIND: kind,
            }
            self._events.put(record_of(semconv.EVENT_RESPONSE_STREAMING, item.span, time.time_ns(), attributes))
            item.sequence += 1
        item.waiting_characters = sum(len(text) for _, texts in item.chunks for text in texts)


def _base(item: Open, span: ReadableSpan, step: Step | None) -> dict[str, Any]:
    """What every event of something open carries."""
    return {
        **identity_of(item.run, step),
        semconv.SPAN_NAME: span.name,
        semconv.SPAN_PARENT_ID: f"{span.parent.span_id:016x}" if span.parent and item.kind is not RUN else "",
        semconv.SPAN_START: span.start_time,
    }


class EndProcessor(SpanProcessor):
    """Tell the live channel about every span that ends, whoever made it."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def on_end(self, span: ReadableSpan) -> None:
        """Close what was registered under the span's id."""
        self._live.ended(span)
