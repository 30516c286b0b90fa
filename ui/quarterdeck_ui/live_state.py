"""The pure fold: live events in, what every open run is doing out.

States are immutable; a run that no event touched keeps its identity, so readers compare with ``is``.
Events may come twice and out of order: folding them again changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from quarterdeck import semconv
from quarterdeck_ui.queries.live import Event

LOST_AFTER_NS: Final = semconv.RUN_LOST_AFTER_S * 1_000_000_000
"""Silence after which a run that said it was working counts as lost."""

_NOTHING: Final[Mapping[str, Any]] = {}
_S = TypeVar("_S", "LiveStep", "LiveCall")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed response; kind is ``text``, ``thinking`` or ``tool``."""

    sequence: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class LiveStep:
    """A step that was announced; times in nanoseconds, progress 0 to 1."""

    id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int | None = None
    status: str = "running"
    progress: float | None = None
    message: str = ""
    progress_ns: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A model call that was announced, with the text received so far; times in nanoseconds."""

    id: str
    parent_id: str
    step_id: str
    step_name: str
    name: str
    start_ns: int
    end_ns: int | None = None
    chunks: tuple[Chunk, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> tuple[Chunk, ...]:
        """Chunks that may be shown: up to the first gap while the call runs, all once it ended."""
        if self.end_ns is not None or not self.chunks or self.chunks[-1].sequence == len(self.chunks) - 1:
            return self.chunks
        return tuple(chunk for index, chunk in enumerate(self.chunks) if chunk.sequence == index)


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run as its live events tell it; times in nanoseconds."""

    id: str
    pipeline: str = ""
    trace_id: str = ""
    root_id: str = ""
    start_ns: int = 0
    end_ns: int | None = None
    status: str = "running"
    status_ns: int = 0
    heard: int = 0
    """Position of the newest event: when the collector last heard of the run, nanoseconds."""
    step_total: int | None = None
    stand_in: bool = False
    service: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, LiveStep] = field(default_factory=dict)
    calls: Mapping[str, LiveCall] = field(default_factory=dict)

    def lost(self, now_ns: int) -> bool:
        """Whether the run said it was working and then fell silent."""
        return self.end_ns is None and self.status in {"running", "waiting"} and now_ns - self.heard > LOST_AFTER_NS


LiveState = Mapping[str, LiveRun]


def fold(state: LiveState, events: Iterable[Event]) -> LiveState:
    """Give the state after ``events``; the same object if they told nothing new."""
    runs = dict(state)
    changed = False
    for event in events:
        before = runs.get(event.run_id) or LiveRun(event.run_id)
        after = _apply(before, event)
        if after is not before:
            runs[event.run_id] = after
            changed = True
    return runs if changed else state


def without(state: LiveState, heard_before: int) -> LiveState:
    """Forget runs of which the collector heard nothing since ``heard_before`` (nanoseconds)."""
    kept = {key: run for key, run in state.items() if run.heard >= heard_before}
    return state if len(kept) == len(state) else kept


def _apply(run: LiveRun, event: Event) -> LiveRun:
    run = _heard(run, event)
    handler = _HANDLERS.get(event.name)
    return handler(run, event) if handler else run


def _heard(run: LiveRun, event: Event) -> LiveRun:
    if event.position <= run.heard and run.pipeline:
        return run
    total = _number(event.attributes.get(semconv.STEP_TOTAL))
    return replace(
        run,
        pipeline=event.pipeline or run.pipeline,
        trace_id=event.trace_id or run.trace_id,
        heard=max(run.heard, event.position),
        start_ns=run.start_ns or event.start_ns,
        step_total=total if total is not None else run.step_total,
        stand_in=run.stand_in or event.stand_in,
        service=run.service or event.service,
    )


def _run_started(run: LiveRun, event: Event) -> LiveRun:
    if run.root_id and semconv.RUN_INPUT in run.attributes:
        return run
    run = replace(run, root_id=event.span_id, start_ns=event.start_ns, attributes=event.attributes)
    return _with_status(run, event)


def _heartbeat(run: LiveRun, event: Event) -> LiveRun:
    if not run.root_id:
        run = replace(run, root_id=event.span_id, start_ns=event.start_ns or run.start_ns)
    return _with_status(run, event)


def _with_status(run: LiveRun, event: Event) -> LiveRun:
    status = event.attributes.get(semconv.RUN_STATUS, "running")
    if (
        run.end_ns is not None
        or event.time_ns < run.status_ns
        or (status, event.time_ns) == (run.status, run.status_ns)
    ):
        return run
    return replace(run, status=status, status_ns=event.time_ns)


def _run_ended(run: LiveRun, event: Event) -> LiveRun:
    if run.end_ns is not None:
        return run
    default = "failed" if event.name == semconv.EVENT_PIPELINE_ERROR else "completed"
    return replace(
        run,
        root_id=event.span_id,
        status=event.attributes.get(semconv.RUN_STATUS, default),
        status_ns=event.time_ns,
        end_ns=_number(event.attributes.get(semconv.SPAN_END)) or event.time_ns,
        attributes={**run.attributes, **event.attributes},
    )


def _step(run: LiveRun, event: Event) -> LiveStep:
    return run.steps.get(event.span_id) or LiveStep(event.span_id, event.parent_id, event.step_name, event.start_ns)


def _step_started(run: LiveRun, event: Event) -> LiveRun:
    step = _step(run, event)
    return _with_step(run, replace(step, attributes={**event.attributes, **step.attributes}))


def _step_progress(run: LiveRun, event: Event) -> LiveRun:
    step = _step(run, event)
    if event.time_ns <= step.progress_ns:
        return run
    told = event.attributes
    share = _fraction(told.get(semconv.STEP_PROGRESS))
    done, of = _fraction(told.get(semconv.STEP_PROGRESS_DONE)), _fraction(told.get(semconv.STEP_PROGRESS_TOTAL))
    if share is None and done is not None and of:
        share = done / of
    return _with_step(
        run,
        replace(
            step,
            progress=step.progress if share is None else min(1.0, max(0.0, share)),
            message=event.text or step.message,
            progress_ns=event.time_ns,
            attributes={**step.attributes, **told},
        ),
    )


def _step_ended(run: LiveRun, event: Event) -> LiveRun:
    step = _step(run, event)
    if step.end_ns is not None:
        return run
    status = event.attributes.get(semconv.STEP_STATUS) or (
        "failed" if event.attributes.get(semconv.ERROR_TYPE) else "completed"
    )
    return _with_step(run, replace(_ended(step, event), status=status))


def _call(run: LiveRun, event: Event) -> LiveCall:
    return run.calls.get(event.span_id) or LiveCall(
        event.span_id, event.parent_id, event.step_id, event.step_name, event.span_name, event.start_ns
    )


def _call_started(run: LiveRun, event: Event) -> LiveRun:
    call = _call(run, event)
    return _with_call(run, replace(call, attributes={**event.attributes, **call.attributes}))


def _call_chunk(run: LiveRun, event: Event) -> LiveRun:
    call = _call(run, event)
    chunk = Chunk(event.sequence, event.attributes.get(semconv.CHUNK_KIND, "text"), event.text)
    known = call.chunks
    if not known or known[-1].sequence < chunk.sequence:
        return _with_call(run, replace(call, chunks=(*known, chunk)))
    if any(each.sequence == chunk.sequence for each in known):
        return run
    return _with_call(run, replace(call, chunks=tuple(sorted((*known, chunk), key=lambda each: each.sequence))))


def _call_ended(run: LiveRun, event: Event) -> LiveRun:
    call = _call(run, event)
    return run if call.end_ns is not None else _with_call(run, _ended(call, event))


def _ended(part: _S, event: Event) -> _S:
    end = _number(event.attributes.get(semconv.SPAN_END)) or event.time_ns
    return replace(part, end_ns=end, attributes={**part.attributes, **event.attributes})


def _with_step(run: LiveRun, step: LiveStep) -> LiveRun:
    return run if run.steps.get(step.id) == step else replace(run, steps={**run.steps, step.id: step})


def _with_call(run: LiveRun, call: LiveCall) -> LiveRun:
    return run if run.calls.get(call.id) == call else replace(run, calls={**run.calls, call.id: call})


def _number(text: str | None) -> int | None:
    value = _fraction(text)
    return None if value is None else int(text) if text and text.isdigit() else int(value)


def _fraction(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


_HANDLERS: Final = {
    semconv.EVENT_PIPELINE_STARTED: _run_started,
    semconv.EVENT_PIPELINE_COMPLETED: _run_ended,
    semconv.EVENT_PIPELINE_ERROR: _run_ended,
    semconv.EVENT_HEARTBEAT: _heartbeat,
    semconv.EVENT_STEP_STARTED: _step_started,
    semconv.EVENT_STEP_PROGRESS: _step_progress,
    semconv.EVENT_STEP_COMPLETED: _step_ended,
    semconv.EVENT_PROMPT_SENT: _call_started,
    semconv.EVENT_RESPONSE_STREAMING: _call_chunk,
    semconv.EVENT_RESPONSE_RECEIVED: _call_ended,
}
