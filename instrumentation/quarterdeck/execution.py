"""One execution of a pipeline or step: open a span, be current, end with a status."""

import asyncio
import hashlib
import inspect
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span

from quarterdeck import config, failures, live, semconv, termination
from quarterdeck.context import Run, Step, context_with, current_run, current_step
from quarterdeck.control import Gate, RunCancelled
from quarterdeck.guard import guarded

_CANCELLED: Final = (asyncio.CancelledError, RunCancelled, KeyboardInterrupt)

Handle = TypeVar("Handle", Run, Step)


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline declares about itself."""

    name: str
    version: Callable[[], str] = str
    config: Any = None
    total: int | None = None
    input: Any = None


@dataclass(frozen=True)
class StepSpec:
    """What a step declares about itself."""

    name: str
    index: int | None = None
    total: int | None = None
    kind: str = "python"
    token_budget: int | None = None
    attempt: int = 1
    input: Any = None


@dataclass(eq=False)
class Execution(Generic[Handle]):
    """A span in progress and the handle that user code sees.

    Args:
        handle: the run or step.
        span: its span.
        context: the context in which it is current.
        status_key: attribute of its status.
        output_key: attribute of its result.
        settle: called with the status before the span ends.
    """

    handle: Handle
    span: Span
    context: Context
    status_key: str
    output_key: str
    settle: Callable[[str], None] = lambda _status: None
    gate: Gate | None = None
    _token: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        termination.opened(id(self), lambda: self.finish(RunCancelled("the program was terminated")))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be current for the length of the block; generators are active only while they compute."""
        token = attach(self.context)
        try:
            yield
        finally:
            detach(token)

    def __enter__(self) -> Self:
        self._token = attach(self.context)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        detach(self._token)
        self.finish(error)
        self.translate(error)

    def output(self, value: Any) -> None:
        """Record the result."""
        captured = config.capture().value(value)
        if captured is not None:
            self.span.set_attribute(self.output_key, captured)

    def finish(self, error: BaseException | None) -> None:
        """End the span with the status that ``error`` implies."""
        termination.closed(id(self))
        status = _status(error)
        with guarded("record the end of a span"):
            self.span.set_attribute(self.status_key, status)
            if status == "failed" and error is not None:
                failures.record(self.span, error, failures.error_type(error))
        with guarded("tell the end of a span"):
            self.settle(status)
        with guarded("end a span"):
            self.span.end()

    def translate(self, error: BaseException | None) -> None:
        """Turn the interruption that our own cancel caused into :class:`RunCancelled`."""
        if self.gate is not None and self.gate.cancelled and isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            raise RunCancelled(str(getattr(self.handle, "id", ""))) from None


def _status(error: BaseException | None) -> str:
    if error is None or isinstance(error, GeneratorExit):
        return "completed"
    if isinstance(error, SystemExit) and error.code in {None, 0}:
        return "completed"
    return "cancelled" if isinstance(error, _CANCELLED) else "failed"


def new_run_id() -> str:
    """Make a run id: a UUID of version 7, so ids sort by time."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def source_version(fn: Callable[..., Any]) -> str:
    """Give a short hash of a function's source, else of its byte code."""
    with guarded("hash the source of a pipeline"):
        try:
            body = inspect.getsource(fn).encode()
        except (OSError, TypeError):
            body = getattr(getattr(fn, "__code__", None), "co_code", b"")
        return hashlib.sha256(body).hexdigest()[:12]
    return ""


def open_run(spec: PipelineSpec, arguments: Any = None) -> Execution[Run] | Execution[Step]:
    """Start a run; inside another run, a step of that one."""
    outer = current_run()
    if outer is not None:
        captured = spec.input if spec.input is not None else arguments
        return open_step(StepSpec(spec.name, kind="pipeline", input=captured))
    capture = config.capture()
    run = Run(new_run_id(), spec.name, version=spec.version(), steps_total=spec.total)
    run.capture = capture
    attributes = _given(
        {
            semconv.OPERATION_NAME: semconv.OPERATION_WORKFLOW,
            semconv.WORKFLOW_NAME: spec.name,
            semconv.AGENT_NAME: spec.name,
            semconv.PIPELINE_NAME: spec.name,
            semconv.PIPELINE_VERSION: run.version or None,
            semconv.PIPELINE_CONFIG: capture.value(spec.config),
            semconv.RUN_ID: run.id,
            semconv.RUN_INPUT: capture.value(spec.input if spec.input is not None else arguments),
            semconv.STEP_TOTAL: spec.total,
        }
    )
    run.span = config.tracer().start_span(f"{semconv.OPERATION_WORKFLOW} {spec.name}", attributes=attributes)
    run.gate = gate = Gate()
    context = context_with(run, None, run.span)
    channel = config.live()
    if channel is not None:
        channel.opened(live.RUN, run.span, attributes, context)
    _connect_control(run, gate)
    run.on_status = _tell_status
    execution = Execution(
        run, run.span, context, semconv.RUN_STATUS, semconv.RUN_OUTPUT, settle=lambda status: _settle_run(run, status)
    )
    execution.gate = gate
    return execution


def _connect_control(run: Run, gate: Gate) -> None:
    runner = config.control()
    if runner is not None:
        gate.watch_task()
        runner.opened(run, gate)


def _tell_status(run: Run) -> None:
    with guarded("tell a status"):
        channel, runner = config.live(), config.control()
        if channel is not None:
            channel.status(run)
        if runner is not None:
            runner.changed()


def _settle_run(run: Run, status: str) -> None:
    run.on_status = lambda _run: None
    run.status = status
    runner = config.control()
    if runner is not None:
        runner.closed(run)


def open_step(spec: StepSpec, arguments: Any = None) -> Execution[Step]:
    """Start a step of the current run."""
    run, capture = current_run(), config.capture()
    total = spec.total if spec.total is not None or run is None else run.steps_total
    index = spec.index
    if index is None and run is not None and not current_step():
        index = run.next_index()
    attributes = _given(
        {
            semconv.STEP_NAME: spec.name,
            semconv.STEP_INDEX: index,
            semconv.STEP_TOTAL: total,
            semconv.STEP_ATTEMPT: spec.attempt,
            semconv.STEP_KIND: spec.kind,
            semconv.STEP_TOKEN_BUDGET: spec.token_budget,
            semconv.STEP_INPUT: capture.value(spec.input if spec.input is not None else arguments),
        }
    )
    span = config.tracer().start_span(f"step {spec.name}", attributes=attributes)
    step = Step(spec.name, span=span, index=index or 0)
    step.capture = capture
    # On start the span was stamped with the step around it; from here on it is itself.
    span.set_attributes({semconv.STEP_NAME: spec.name, semconv.STEP_ID: step.id})
    context = context_with(run, step, span)
    channel = config.live()
    if channel is not None:
        channel.opened(live.STEP, span, attributes, context)
        step.on_progress = channel.progress
    if run is not None:
        run.current_step = spec.name
    return Execution(step, span, context, semconv.STEP_STATUS, semconv.STEP_OUTPUT)


def boundary() -> None:
    """Pass a step boundary: block while the current run is paused.

    Raises:
        RunCancelled: the current run was cancelled.
    """
    run = current_run()
    if run is not None and run.gate is not None:
        run.gate.wait(run)


async def boundary_async() -> None:
    """Pass a step boundary: wait while the current run is paused.

    Raises:
        RunCancelled: the current run was cancelled.
    """
    run = current_run()
    if run is not None and run.gate is not None:
        await run.gate.wait_async(run)


def inert_step(name: str) -> Execution[Step]:
    """Stand in for a step whose telemetry could not start."""
    context = context_with(current_run(), None, trace.get_current_span())
    return Execution(Step(name), trace.INVALID_SPAN, context, semconv.STEP_STATUS, semconv.STEP_OUTPUT)


def _given(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}
