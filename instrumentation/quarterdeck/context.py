"""The current run and step, carried by OpenTelemetry's own context, and stamped on every span inside."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, create_key, detach, get_current
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import Span

from quarterdeck import semconv
from quarterdeck.capture import Capture
from quarterdeck.guard import guarded
from quarterdeck.spans import OPENING

if TYPE_CHECKING:
    from quarterdeck.board import Board
    from quarterdeck.gate import Gate

RUN: Final = create_key("quarterdeck-run")
STEP: Final = create_key("quarterdeck-step")
"""Under these keys a context holds the run and the step that are current in it."""
(_SPAN,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""The key under which OpenTelemetry keeps the current span: a context is made with one copy instead of three."""
_sharing: Final = threading.Lock()

_FULL: Final = Capture()

_step_log: Final = logging.getLogger("quarterdeck.steps")
_step_log.setLevel(logging.INFO)


class Run:
    """One execution of a pipeline, in progress.

    Args:
        run_id: id of the run.
        pipeline: name of the definition.
        version: version of the definition.
        span: the run's span.
        steps_total: how many steps it will have, where known.
        elsewhere: whether another process runs it.
    """

    def __init__(
        self,
        run_id: str,
        pipeline: str,
        *,
        version: str = "",
        span: Span = trace.INVALID_SPAN,
        steps_total: int | None = None,
        elsewhere: bool = False,
    ) -> None:
        self.id = run_id
        self.pipeline = pipeline
        self.version = version
        self.span = span
        self.steps_total = steps_total
        self.started_ns = time.time_ns()
        self.current_step = ""
        self.capture = _FULL
        self.hosted = False
        """Whether the pipeline that begins next is this run, of which another process tells beginning and end."""
        self.gate: Gate | None = None
        self.board: Board | None = None
        self.on_status: Callable[[Run], None] = _nobody
        self._status = "running"
        self._indexes = None if elsewhere else itertools.count(1)

    @property
    def trace_id(self) -> str:
        """Trace id in hex."""
        return trace.format_trace_id(self.span.get_span_context().trace_id)

    @property
    def status(self) -> str:
        """One of :data:`quarterdeck.semconv.RUN_STATUSES`; a change is told to the dashboard at once."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self.on_status(self)

    def next_index(self) -> int | None:
        """Position of the next step, counted from 1; None where another process runs it and can no longer be asked."""
        if self.board is not None:
            return self.board.next_index()
        return None if self._indexes is None else next(self._indexes)

    def share(self) -> "Board | None":
        """What other processes need to take part in the run; None where this process only takes part itself."""
        if self.board is None and self._indexes is not None:
            from quarterdeck.board import Board

            with _sharing:
                if self.board is None:
                    board = Board.made(next(self._indexes) - 1)
                    if self.gate is not None:
                        self.gate.shared(board)
                    self.board = board
        return self.board

    def unshare(self) -> None:
        """End what other processes shared."""
        if self.board is not None:
            self.board.close()

    def set(self, **attributes: Any) -> None:
        """Put attributes on the run's span."""
        _set(self.span, attributes)

    def output(self, value: Any) -> None:
        """Record the result of a run that is a ``with`` block."""
        _record(self.span, semconv.RUN_OUTPUT, self.capture.value(value))


class Step:
    """One execution of a step, in progress; outside any step an inert one that ignores everything.

    Args:
        name: name of the step.
        span: the step's span.
        index: position in the run, counted from 1; 0 outside a run.
    """

    def __init__(self, name: str, *, span: Span = trace.INVALID_SPAN, index: int = 0) -> None:
        self.name = name
        self.span = span
        self.index = index
        self.capture = _FULL
        self.output_key = semconv.STEP_OUTPUT
        self.on_progress: Callable[[Step, dict[str, Any], str], None] = _nobody

    @property
    def id(self) -> str:
        """Id of the step: its span id in hex."""
        return f"{self.span.get_span_context().span_id:016x}"

    def __bool__(self) -> bool:
        return self.span.get_span_context().is_valid

    def progress(
        self, share: float | None = None, *, done: float | None = None, total: float | None = None, message: str = ""
    ) -> None:
        """Tell how far the step is, as a share or as counts.

        Args:
            share: 0 to 1.
            done: units done.
            total: units in all.
            message: a line for the dashboard.
        """
        with guarded("report progress"):
            if share is None and done is not None and total:
                share = done / total
            pairs = (
                (semconv.STEP_PROGRESS, None if share is None else min(max(float(share), 0.0), 1.0)),
                (semconv.STEP_PROGRESS_DONE, done),
                (semconv.STEP_PROGRESS_TOTAL, total),
            )
            attributes = {key: value for key, value in pairs if value is not None}
            self.span.set_attributes(attributes)
            self.on_progress(self, attributes, message)

    def log(self, message: str) -> None:
        """Write a line that belongs to the step (through ``logging``, logger ``quarterdeck.steps``)."""
        _step_log.info("%s", message)

    def set(self, **attributes: Any) -> None:
        """Put attributes on the step's span."""
        _set(self.span, attributes)

    def budget(self, tokens: int) -> None:
        """Set how many tokens the step may use."""
        self.span.set_attribute(semconv.STEP_TOKEN_BUDGET, tokens)

    def output(self, value: Any) -> None:
        """Record the result of a step that is a ``with`` block."""
        _record(self.span, self.output_key, self.capture.value(value))


def _nobody(*_: Any) -> None:
    """Nobody listens."""


def _record(span: Span, key: str, value: str | None) -> None:
    if value is not None:
        span.set_attribute(key, value)


def _set(span: Span, attributes: dict[str, Any]) -> None:
    with guarded("set attributes"):
        for key, value in attributes.items():
            simple = isinstance(value, (str, bool, int, float))
            text = value if simple else Capture("full").value(value)
            if text is not None:
                span.set_attribute(key, text)


def current_run() -> Run | None:
    """The run that the calling code belongs to."""
    found: Run | None = get_current().get(RUN)  # type: ignore[assignment] # our key
    return found


def share_before_fork() -> None:
    """Let a process that is forked now take part in the current run."""
    run = current_run()
    if run is not None:
        with guarded("share a run with a forked process"):
            run.share()


def current_step() -> Step:
    """The step that the calling code belongs to; outside any step one that ignores everything."""
    return step_in(None) or Step("")


def run_in(context: Context | None) -> Run | None:
    """The run of a context."""
    found: Run | None = (get_current() if context is None else context).get(RUN)  # type: ignore[assignment] # our key
    return found


def step_in(context: Context | None) -> Step | None:
    """The step of a context."""
    found: Step | None = (get_current() if context is None else context).get(STEP)  # type: ignore[assignment] # ours
    return found


def context_with(run: Run | None, step: Step | None, span: Span) -> Context:
    """The current context with ``span`` current in it, inside ``run`` and ``step``."""
    return context_in(get_current(), run, step, span)


def context_in(around: Context, run: Run | None, step: Step | None, span: Span) -> Context:
    """The context ``around`` with ``span`` current in it, inside ``run`` and ``step``."""
    return Context({**around, RUN: run, STEP: step, _SPAN: span})


def leave(token: Any) -> None:
    """Undo an ``attach``, silently where that is impossible: what was dropped is closed by the collector, anywhere."""
    variable = getattr(token, "var", None)
    if variable is None:
        detach(token)
        return
    try:
        variable.reset(token)
    except (ValueError, RuntimeError):
        return


def captured_here() -> Capture | None:
    """The capture policy of the step or run around the calling code."""
    here = get_current()
    place: Any = here.get(STEP)
    if place is None:
        place = here.get(RUN)
    return None if place is None else place.capture


def identity_of(run: Run | None, step: Step | None) -> dict[str, Any]:
    """What is stamped on every span and live event of a run and step."""
    stamp: dict[str, Any] = {}
    if run is not None:
        stamp |= {semconv.RUN_ID: run.id, semconv.PIPELINE_NAME: run.pipeline}
    if step is not None:
        stamp |= {semconv.STEP_ID: step.id, semconv.STEP_NAME: step.name}
    return stamp


class StampProcessor(SpanProcessor):
    """Stamp every span, other libraries' too, with the run and step it starts in."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Stamp a span that starts."""
        here = get_current() if parent_context is None else parent_context
        attributes: Any = here.get(OPENING)
        if attributes is not None:  # what begins here says itself who it is
            attributes.adopt(span)
            return
        run, step = here.get(RUN), here.get(STEP)
        if run is not None or step is not None:
            span.set_attributes(identity_of(run, step))  # type: ignore[arg-type] # our keys hold a run and a step
