"""Everything on the way out: redaction, outages, size."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from quarterdeck.clean import clean_spans
from quarterdeck.guard import guarded
from quarterdeck.health import Health, Verdict, quietly, wait_patiently
from quarterdeck.otel_variables import count
from quarterdeck.redaction import Redactor
from quarterdeck.spans import own

SCHEDULE_MS: Final = 250
QUEUE_SPANS: Final = 16_384
BATCH_SPANS: Final = 512
REQUEST_BYTES: Final = 8_000_000
"""About how large one request may become, in bytes of attribute text."""
HELD_BYTES: Final = 64_000_000
"""How much is kept while the collector is away, in bytes of attribute text."""
TIMEOUT_S: Final = 10.0
"""How long the last try of an exporter that is somebody else's may take."""
REFUSED_EXIT_S: Final = 0.3
"""How long the end of a program waits for a collector that does not listen."""

_OVERHEAD_BYTES: Final = 500


@dataclass(frozen=True)
class _Batch:
    spans: Sequence[ReadableSpan]
    size: int


def _nobody_counts(_spans: Sequence[ReadableSpan]) -> None:
    """Nobody keeps count of what waits."""


class Outlet(SpanExporter):
    """Where a batch processor hands its spans.

    Args:
        health: who tells the user about outages.
    """

    def __init__(self, health: Health) -> None:
        self.health = health
        self.on_taken: Callable[[Sequence[ReadableSpan]], None] = _nobody_counts

    def after_fork(self) -> None:
        """Start afresh in a forked child."""

    def stop(self, drain: Callable[[], None]) -> None:
        """Let ``drain`` hand over what waits, if that takes no time."""

    def close(self, drain: Callable[[], None], timeout_s: float) -> None:
        """Let ``drain`` hand over what waits, and end within ``timeout_s`` seconds."""


class CleanExporter(Outlet):
    """Redact every span, keep requests small, and keep batches while the endpoint is away.

    Args:
        inner: the exporter that sends.
        redactor: what must not leave the process.
        health: who tells the user about outages.
    """

    def __init__(self, inner: SpanExporter, redactor: Redactor, health: Health) -> None:
        super().__init__(health)
        self._inner = inner
        self._redactor = redactor
        self._held: deque[_Batch] = deque()
        self._lock = threading.Lock()
        self._lost = False

    def after_fork(self) -> None:
        """Start afresh in a forked child: the parent sends what is held, on the connections it has."""
        self._lock = threading.Lock()
        self._held = deque()
        self.health.after_fork()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what was held, then these spans."""
        self.on_taken(spans)
        with self._lock:
            self._held.extend(portions(clean_spans(spans, self._redactor)))
            return self._send_held()

    def _send_held(self) -> SpanExportResult:
        outcome = SpanExportResult.SUCCESS
        while self._held:
            result = SpanExportResult.FAILURE
            with quietly(self.health) as verdict, guarded("export spans"):
                result = self._inner.export(self._held[0].spans)
            ok = result is SpanExportResult.SUCCESS
            self.health.report("spans", ok=ok or verdict.final)
            if not ok and not verdict.final:
                self._forget_oldest()
                return result
            batch = self._held.popleft()
            if not ok:
                outcome = result
                self._refused(batch, verdict)
        return outcome

    def _refused(self, batch: _Batch, verdict: Verdict) -> None:
        """Drop what the endpoint will never take; of a request that is too large, try the halves."""
        half = len(batch.spans) // 2
        if verdict.too_large and half:
            parts = (batch.spans[:half], batch.spans[half:])
            self._held.extendleft(
                replace(batch, spans=spans, size=sum(map(_weigh, spans))) for spans in reversed(parts)
            )
        else:
            self._lost = True
            self.health.refused(len(batch.spans), verdict.reason)

    def _forget_oldest(self) -> None:
        while len(self._held) > 1 and sum(batch.size for batch in self._held) > HELD_BYTES:
            self.health.drop(len(self._held.popleft().spans))

    def abort(self) -> None:
        """Give up what is under way: the program wants to end."""
        with quietly(self.health):
            self._inner.shutdown()

    def shutdown(self) -> None:
        """Try once more what is held, then close the exporter."""
        # Whoever was away may be back: one try, which the timer of CleanBatchProcessor.close cuts short if not.
        if self._lock.acquire(timeout=REFUSED_EXIT_S if self.health.away else TIMEOUT_S):
            try:
                self._send_held()
            finally:
                self._lock.release()
        self.abort()

    def close(self, drain: Callable[[], None], timeout_s: float) -> None:
        """Send everything and stop, within ``timeout_s`` seconds even when the endpoint is away."""
        timer = _later(REFUSED_EXIT_S if self.health.away else timeout_s, self.abort)
        self.health.on_refused = self._give_up_soon
        drain()
        timer.cancel()
        self.health.on_refused = wait_patiently

    def _give_up_soon(self) -> None:
        _later(REFUSED_EXIT_S, self.abort)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is held."""
        with self._lock:
            sent = self._send_held() is SpanExportResult.SUCCESS and not self._lost
            self._lost = False
        return sent and self._inner.force_flush(timeout_millis) is not False


class CleanBatchProcessor(BatchSpanProcessor):
    """OpenTelemetry's batch processor with a short schedule and quiet manners."""

    on_start = SpanProcessor.on_start
    """What starts is nothing to export yet."""

    def __init__(self, exporter: Outlet) -> None:
        self._clean = exporter
        self._counting = threading.RLock()
        self._waiting_spans = 0
        self.waiting_bytes = 0
        exporter.on_taken = self._taken
        self._most_spans = count("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_SPANS)
        super().__init__(
            exporter,
            max_queue_size=self._most_spans,
            schedule_delay_millis=count("OTEL_BSP_SCHEDULE_DELAY", SCHEDULE_MS),
            max_export_batch_size=min(count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_SPANS), self._most_spans),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span, if there is room: large spans fill it sooner than many."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        weight = _weigh(span)
        with self._counting:
            full = self._waiting_spans >= self._most_spans or self.waiting_bytes + weight > HELD_BYTES
            if not full:
                self._waiting_spans += 1
                self.waiting_bytes += weight
        if full:
            self._clean.health.drop(1)
            return
        self._batch_processor.emit(span)

    def _taken(self, spans: Sequence[ReadableSpan]) -> None:
        with self._counting:
            self._waiting_spans -= len(spans)
            self.waiting_bytes -= sum(map(_weigh, spans))

    def after_fork(self) -> None:
        """Start afresh in a forked child."""
        self._counting = threading.RLock()
        self._waiting_spans = self.waiting_bytes = 0
        self._clean.after_fork()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send everything that has ended; false when something could not be delivered."""
        super().force_flush(timeout_millis)
        return self._clean.force_flush(timeout_millis or 30_000)

    def stop(self) -> None:
        """Hand over what waits and take nothing more, where that takes no time."""
        self._clean.stop(self._drain)

    def close(self, timeout_s: float) -> None:
        """Send everything and stop, within ``timeout_s`` seconds even when the endpoint is away."""
        self._clean.close(self._drain, timeout_s)

    def _drain(self) -> None:
        with quietly(self._clean.health):
            stop: Callable[[], None] = super().shutdown
            stop()


def _later(seconds: float, call: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class Relay(SpanProcessor):
    """One processor in the tracer provider whose targets can be exchanged; removing them switches us off."""

    def __init__(self) -> None:
        self.targets: tuple[SpanProcessor, ...] = ()

    @property
    def targets(self) -> tuple[SpanProcessor, ...]:
        """Who is told about spans."""
        return self._targets

    @targets.setter
    def targets(self, targets: tuple[SpanProcessor, ...]) -> None:
        self._targets = targets
        # Only who listens: a call of what does nothing is a call all the same.
        self._starting = [target.on_start for target in targets if type(target).on_start is not SpanProcessor.on_start]
        self._ending = [target.on_end for target in targets if type(target).on_end is not SpanProcessor.on_end]

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        """Pass on the start of a span."""
        for tell in self._starting:
            tell(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the end of a span."""
        for tell in self._ending:
            tell(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush every target."""
        return all(tuple(target.force_flush(timeout_millis) for target in self.targets))


def portions(spans: Iterable[ReadableSpan]) -> Iterator[_Batch]:
    """Divide spans into requests of bearable size."""
    portion: list[ReadableSpan] = []
    size = 0
    for span in spans:
        weight = _weigh(span)
        if portion and size + weight > REQUEST_BYTES:
            yield _Batch(portion, size)
            portion, size = [], 0
        portion.append(span)
        size += weight
    if portion:
        yield _Batch(portion, size)


def _weigh(span: ReadableSpan) -> int:
    ours = own(span)
    weight = weight_of(span.attributes) if ours is None else _OVERHEAD_BYTES + ours.weight
    # The property makes a copy of the events, which most spans do not have.
    events = span.events if len(span._events) else ()  # noqa: SLF001
    return weight + sum(weight_of(event.attributes) for event in events)


def weight_of(attributes: Mapping[str, Any] | None) -> int:
    """About how many bytes a span, event or record with these attributes takes."""
    texts = (value for value in (attributes or {}).values() if isinstance(value, str))
    return _OVERHEAD_BYTES + sum(map(len, texts))
