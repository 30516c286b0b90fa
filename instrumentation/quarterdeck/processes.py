"""Work that a run hands to other processes stays in the run: a carrier of plain texts goes along with it.

Process pools of ``concurrent.futures`` (and so ``run_in_executor``) carry it by themselves. For any other way into
another process wrap the function: ``multiprocessing.Process(target=qd.carry(work))``.
"""

import dataclasses
import functools
import logging
import os
import pickle
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from quarterdeck import config, semconv
from quarterdeck.board import Board
from quarterdeck.capture import Capture, Mode
from quarterdeck.context import Run, Step, context_in, leave, run_in, step_in
from quarterdeck.gate import Gate, RunCancelled
from quarterdeck.guard import guarded
from quarterdeck.redaction import Hook
from quarterdeck.settings import Settings

log: Final = logging.getLogger("quarterdeck")

P = ParamSpec("P")
R = TypeVar("R")

_CAPTURE: Final = "quarterdeck.capture"
_CONTEXT: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
"""``OTEL_PROPAGATORS`` says what other services are told; a worker is part of this program."""
_BOARD: Final = "quarterdeck.board"


@dataclasses.dataclass(frozen=True)
class Carrier:
    """Where work belongs, and where its telemetry goes; can be pickled.

    Args:
        headers: the W3C headers of the current span, and the identity of run and step.
        start: what ``init`` was called with here, for a process that has not called it.
        process: id of this process.
    """

    headers: dict[str, str]
    start: tuple[Settings, tuple[Hook, ...]] | None
    process: int = dataclasses.field(default_factory=os.getpid)


def packed() -> Carrier | None:
    """Describe where the calling code is; None outside runs and steps."""
    run, step = run_in(None), step_in(None)
    if run is None and step is None:
        return None
    headers: dict[str, str] = {_CAPTURE: config.capture().mode}
    _CONTEXT.inject(headers)
    if run is not None:
        headers |= {semconv.RUN_ID: run.id, semconv.PIPELINE_NAME: run.pipeline, semconv.PIPELINE_VERSION: run.version}
        board = run.share()
        headers[_BOARD] = board.path if board is not None else ""
    if step is not None:
        headers |= {semconv.STEP_ID: step.id, semconv.STEP_NAME: step.name}
    start = config.settings()
    if start is not None and not _can_travel(start[1]):
        log.warning("a redaction hook cannot be pickled: workers send nothing unless they call quarterdeck.init()")
        start = None
    return Carrier(headers, start)


@functools.lru_cache(maxsize=8)
def _can_travel(hooks: tuple[Hook, ...]) -> bool:
    try:
        pickle.dumps(hooks)
    except Exception:  # noqa: BLE001 - whatever the reason
        return False
    return True


def unpacked(carrier: Carrier) -> Context:
    """The context that a carrier describes, in which spans, steps and runs have the carried ones around them."""
    headers = carrier.headers
    around = _CONTEXT.extract(headers, Context())
    span = trace.get_current_span(around)
    mode: Mode = headers[_CAPTURE]  # type: ignore[assignment] # packed wrote a mode
    run = step = None
    if semconv.RUN_ID in headers:
        version = headers[semconv.PIPELINE_VERSION]
        run = Run(headers[semconv.RUN_ID], headers[semconv.PIPELINE_NAME], version=version, span=span, elsewhere=True)
        run.capture = Capture(mode)
        run.board = _board(headers[_BOARD])
        run.gate = Gate(run.board) if run.board is not None else None
    if semconv.STEP_ID in headers:
        step = Step(headers[semconv.STEP_NAME], span=span)
        step.capture = Capture(mode)
    return context_in(around, run, step, span)


@functools.lru_cache(maxsize=8)
def _board(path: str) -> Board | None:
    """The board of a run; one is opened once, however much work of the run comes here."""
    try:
        return Board(path)
    except OSError:  # the run is over
        return None


def carry(fn: Callable[P, R]) -> Callable[P, R]:
    """Give ``fn`` so that it belongs to the current run and step in whichever process or thread it is called.

    Args:
        fn: a function that can be pickled; the result can be, too. Outside a run it comes back as it is.
    """
    with guarded("carry a run to another process"):
        carrier = packed()
        if carrier is not None:
            return functools.partial(_call, carrier, fn)
    return fn


def _call(carrier: Carrier, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    context = None
    with guarded("take up the run of another process"):
        if carrier.start is not None:
            config.begin_in_worker(*carrier.start)
        context = unpacked(carrier)
    if context is None:
        return fn(*args, **kwargs)
    token = attach(context)
    try:
        return fn(*args, **kwargs)
    except RunCancelled as error:
        if carrier.process == os.getpid():
            raise
        # Pools of multiprocessing wait forever for a worker whom anything but an Exception ends.
        raise _CancelledElsewhere(*error.args) from None
    finally:
        leave(token)


class _CancelledElsewhere(Exception):  # noqa: N818 - named as what it stands for
    """What leaves a worker process when its run is cancelled; it arrives as what it stands for."""

    def __reduce__(self) -> tuple[type[RunCancelled], tuple[object, ...]]:
        return RunCancelled, self.args
