"""One execution of a pipeline or step: open a span, be current, end with a status."""

import asyncio
import functools
import hashlib
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span

from quarterdeck import config, failures, live_kinds, semconv, termination
from quarterdeck.capture import Late, Mode
from quarterdeck.context import RUN, STEP, Run, Step, context_in, context_with, current_run, leave
from quarterdeck.gate import Gate, Presence, RunCancelled
from quarterdeck.guard import guarded
from quarterdeck.spans import Attributes, Keys, begin, clean

_CANCELLED: Final = (asyncio.CancelledError, KeyboardInterrupt)
_TELLING: Final = guarded("tell the end of a span")
_ENDING: Final = guarded("end a span")

PIPELINE_MARK: Final = "__quarterdeck_pipeline__"
"""Attribute of decorated functions that holds their :class:`PipelineSpec`."""

Handle = TypeVar("Handle", Run, Step)


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline declares about itself."""

    name: str
    version: Callable[[], str] = str
    config: Any = None
    total: int | None = None
    input: Any = None
    capture: Mode | None = None
    control: bool = True


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
    capture: Mode | None = None

    @functools.cached_property
    def span_name(self) -> str:
        """Name of the step's span."""
        return f"step {self.name}"

    @functools.cached_property
    def attributes(self) -> dict[str, Any]:
        """What every execution carries."""
        found: dict[str, Any] = {
            semconv.STEP_NAME: self.name,
            semconv.STEP_ATTEMPT: self.attempt,
            semconv.STEP_KIND: self.kind,
            semconv.STEP_TOKEN_BUDGET: self.token_budget,
            semconv.STEP_INDEX: self.index,
            semconv.STEP_TOTAL: self.total,
        }
        return clean(found)


class Execution(Generic[Handle]):
    """A span in progress and the handle that user code sees.

    Args:
        handle: the run or step.
        span: its span.
        context: the context in which it is current.
        attributes: what the span carries.
        settle: called with the status before the span ends.
        run: the run that it is, or is a part of.
    """

    __slots__ = (
        "_attributes",
        "_captured",
        "_inside",
        "_presence",
        "_run",
        "_settle",
        "_token",
        "context",
        "handle",
        "span",
    )

    def __init__(
        self,
        handle: Handle,
        span: Span,
        context: Context,
        attributes: Attributes,
        *,
        settle: Callable[[str], None] | None = None,
        run: Run | None = None,
    ) -> None:
        self.handle: Handle = handle
        self.span = span
        self.context = self._inside = context
        self._run = run if run is not None and run.gate is not None else None
        self._presence: Presence | None = None
        self._attributes = attributes
        self._settle = settle
        self._captured: str | Late | None = None
        self._token: Any = None
        termination.opened(id(self), self._terminated)

    def resume(self) -> Any:
        """Be current until :meth:`suspend`: generators are current only while they compute.

        Returns:
            What :meth:`suspend` asks for.
        """
        return attach(self._inside)

    def suspend(self, token: Any) -> None:
        """Be current no more, and remember what the generator itself has made current inside."""
        self._inside = get_current()
        leave(token)

    def steered(self, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """Give ``awaitable`` so that the runner can interrupt and hold it, where there is one."""
        run = self._run
        return awaitable if run is None or run.gate is None else run.gate.steered(awaitable, run)

    def __enter__(self) -> Self:
        self._token = attach(self.context)
        if self._run is not None and self._run.gate is not None:
            self._presence = self._run.gate.enter()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        leave(self._token)
        if self._run is not None and self._run.gate is not None:
            self._run.gate.leave(self._presence)
        if error is None:
            self.finish(None)
            return
        meant = self.translated(error)
        self.finish(meant)
        if meant is not error:
            raise meant from None

    def output(self, value: Any) -> None:
        """Take the result; it is recorded at the end."""
        self._captured = self.handle.capture.later(value)

    def finish(self, error: BaseException | None, result: Any = None) -> None:
        """End the span with the status that ``error`` implies and the result, if it is given here."""
        termination.closed(id(self))
        status = "completed" if error is None else _status(error)
        try:
            try:
                if result is not None:
                    self.output(result)
                self._attributes.end(self.span, status, self._captured)
                if status == "failed" and error is not None:
                    failures.record(self.span, error, failures.error_type(error))
            finally:
                if self._settle is not None:
                    with _TELLING:
                        self._settle(status)
                self.span.end()
        except Exception as problem:
            if not _ENDING.take(problem):
                raise

    def translated(self, error: BaseException) -> BaseException:
        """What ``error`` means: the interruption that our own cancel caused is a :class:`RunCancelled`."""
        run = self._run
        return error if run is None or run.gate is None else run.gate.translated(error, run.id)

    def _terminated(self) -> None:
        self.finish(RunCancelled("the program was terminated"))


def _status(error: BaseException) -> str:
    if isinstance(error, GeneratorExit):
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


_RUN_KEYS: Final = Keys(semconv.RUN_INPUT, semconv.RUN_OUTPUT, semconv.RUN_STATUS)
_STEP_KEYS: Final = Keys(semconv.STEP_INPUT, semconv.STEP_OUTPUT, semconv.STEP_STATUS)


def open_run(spec: PipelineSpec, arguments: Any = None) -> Execution[Run] | Execution[Step]:
    """Start a run; inside another run, a step of that one."""
    given = spec.input if spec.input is not None else arguments
    around = current_run()
    if around is not None and around.hosted:
        return _move_in(spec, around)
    if around is not None:
        return open_step(StepSpec(spec.name, kind="pipeline", input=given, capture=spec.capture))
    capture = config.capture().narrowed(spec.capture)
    run = Run(new_run_id(), spec.name, version=spec.version())
    run.capture = capture
    known = _run_attributes(spec, run)
    run.steps_total = known.get(semconv.STEP_TOTAL)
    attributes = Attributes(known, _RUN_KEYS, capture.later(given, owned=spec.input is None))
    configured = capture.value(spec.config)
    if configured is not None:
        attributes.put(semconv.PIPELINE_CONFIG, configured)
    run.span = begin(config.tracer(), f"{semconv.OPERATION_WORKFLOW} {spec.name}", get_current(), attributes)
    context = context_with(run, None, run.span)
    channel = config.live()
    if channel is not None:
        channel.opened(live_kinds.RUN, run.span, attributes, context)
    if spec.control:
        _connect_control(run)
    run.on_status = _tell_status
    return Execution(run, run.span, context, attributes, settle=lambda status: _settle_run(run, status), run=run)


def _move_in(spec: PipelineSpec, run: Run) -> Execution[Run]:
    """Be a run whose beginning and end another process tells."""
    run.hosted = False
    run.steps_total = spec.total
    run.capture = config.capture().narrowed(spec.capture)
    _connect_control(run)
    run.on_status = _tell_status
    context, attributes = context_with(run, None, run.span), Attributes({}, _RUN_KEYS)
    return Execution(run, run.span, context, attributes, settle=lambda status: _settle_run(run, status), run=run)


def _run_attributes(spec: PipelineSpec, run: Run) -> dict[str, Any]:
    attributes = {
        semconv.OPERATION_NAME: semconv.OPERATION_WORKFLOW,
        semconv.WORKFLOW_NAME: spec.name,
        semconv.AGENT_NAME: spec.name,
        semconv.PIPELINE_NAME: spec.name,
        semconv.PIPELINE_VERSION: run.version or None,
        semconv.RUN_ID: run.id,
        semconv.STEP_TOTAL: spec.total,
    }
    return clean(attributes)


def _connect_control(run: Run) -> None:
    runner = config.control()
    if runner is not None:
        run.gate = Gate()
        runner.opened(run, run.gate)


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
    run.unshare()
    runner = config.control()
    if runner is not None:
        runner.closed(run)


def open_step(spec: StepSpec, arguments: Any = None) -> Execution[Step]:
    """Start a step of the current run."""
    here = get_current()
    run: Run | None = here.get(RUN)  # type: ignore[assignment] # our key
    outer: Step | None = here.get(STEP)  # type: ignore[assignment] # our key
    around = run if outer is None else outer
    capture = config.capture() if around is None else around.capture
    if spec.capture is not None:
        capture = capture.narrowed(spec.capture)
    attributes = spec.attributes.copy()
    index = spec.index
    if run is not None:
        attributes[semconv.RUN_ID] = run.id
        attributes[semconv.PIPELINE_NAME] = run.pipeline
        run.current_step = spec.name
        if spec.total is None and run.steps_total is not None:
            attributes[semconv.STEP_TOTAL] = run.steps_total
        if index is None and outer is None:
            index = run.next_index()
            if index is not None:
                attributes[semconv.STEP_INDEX] = index
    given = capture.later(arguments if spec.input is None else spec.input, owned=spec.input is None)
    step = Step(spec.name, index=index or 0)
    step.capture = capture
    return _begun(spec, step, run, Attributes(attributes, _STEP_KEYS, given), here)


def _begun(spec: StepSpec, step: Step, run: Run | None, attributes: Attributes, around: Context) -> Execution[Step]:
    step.span = span = begin(config.tracer(), spec.span_name, around, attributes)
    here = span.get_span_context()
    attributes.add(span, semconv.STEP_ID, f"{here.span_id:016x}")
    channel = config.live()
    if channel is not None:
        if span.is_recording():
            channel.register(live_kinds.Open(live_kinds.STEP, here, attributes, run=run, opened=(span, step)))
        step.on_progress = channel.progress
    return Execution(step, span, context_in(around, run, step, span), attributes, run=run)


def boundary() -> None:
    """Pass a step boundary: block while the current run is paused.

    Raises:
        RunCancelled: the current run was cancelled.
    """
    run = current_run()
    if run is not None and run.gate is not None and run.gate.closed:
        run.gate.wait(run)


async def boundary_async() -> None:
    """Pass a step boundary: wait while the current run is paused.

    Raises:
        RunCancelled: the current run was cancelled.
    """
    run = current_run()
    if run is not None and run.gate is not None and run.gate.closed:
        await run.gate.wait_async(run)


def inert_step(name: str) -> Execution[Step]:
    """Stand in for a step whose telemetry could not start."""
    context = context_with(current_run(), None, trace.get_current_span())
    return Execution(Step(name), trace.INVALID_SPAN, context, Attributes({}, _STEP_KEYS))
