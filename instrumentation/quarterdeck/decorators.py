"""``@pipeline`` and ``@step``: one factory for decorators, with and without arguments, and for ``with`` blocks."""

import contextlib
import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar, cast, overload

from opentelemetry.context import get_current

from quarterdeck.capture import Mode, checked
from quarterdeck.context import Run, Step
from quarterdeck.execution import (
    PIPELINE_MARK,
    PipelineSpec,
    StepSpec,
    boundary,
    boundary_async,
    open_run,
    open_step,
    source_version,
)
from quarterdeck.shapes import Open, Opened, safely, shaped

F = TypeVar("F", bound=Callable[..., Any])
Handle = TypeVar("Handle", Run, Step)


class Block(Generic[Handle]):
    """What ``pipeline(...)`` and ``step(...)`` give: decorate a function with it or enter it.

    Args:
        open_for: makes the opener, given the decorated function or ``None`` for a ``with`` block.
    """

    def __init__(self, open_for: Callable[[Callable[..., Any] | None], Open]) -> None:
        self._open_for = open_for
        self._entered: list[Opened] = []

    def __call__(self, fn: F) -> F:
        """Decorate ``fn``."""
        return decorate(fn, self._open_for)

    def __enter__(self) -> Handle:
        boundary()
        return self._enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left().__exit__(kind, error, traceback)

    async def __aenter__(self) -> Handle:
        await boundary_async()
        return self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left().__exit__(kind, error, traceback)

    def _left(self) -> Opened:
        # One block may be entered by many tasks and threads at once: what is left is what is current here.
        context = get_current()
        entered = tuple(reversed(self._entered))
        found = next((execution for execution in entered if execution.context is context), entered[0])
        self._entered.remove(found)
        return found

    def _enter(self) -> Handle:
        execution = safely(self._open_for(None), None)
        execution.__enter__()
        self._entered.append(execution)
        return cast("Handle", execution.handle)


@overload
def pipeline(name: F, /) -> F: ...
@overload
def pipeline(
    name: str | None = None,
    *,
    version: str | None = None,
    config: Any = None,
    total: int | None = None,
    input: Any = None,
    capture: Mode | None = None,
    control: bool = True,
) -> Block[Run]: ...
def pipeline(
    name: F | str | None = None,
    *,
    version: str | None = None,
    config: Any = None,
    total: int | None = None,
    input: Any = None,  # noqa: A002 - the word users know; nothing here reads from the terminal
    capture: Mode | None = None,
    control: bool = True,
) -> F | Block[Run]:
    """Make a function or a ``with`` block a run of a pipeline; inside another run it becomes a step of that one.

    Args:
        name: name of the pipeline; default: the function's.
        version: version of the definition; default: a short hash of the function's source.
        config: the definition's configuration.
        total: how many steps a run has, where known.
        input: what a ``with`` block starts with; a function's arguments are recorded by themselves.
        capture: ``full``, ``hash`` or ``off`` for it and everything inside; it can only be stricter than around it.
        control: whether the runner may pause, resume and cancel it.

    Raises:
        ValueError: if ``capture`` is none of these.
        TypeError: if what is decorated cannot be called.
    """
    label = name if isinstance(name, str) else None
    mode = checked(capture)

    def open_for(fn: Callable[..., Any] | None) -> Open:
        versioned = _version(version, fn)
        spec = PipelineSpec(label or _name(fn, "pipeline"), versioned, config, total, input, mode, control)
        with contextlib.suppress(AttributeError):
            setattr(fn, PIPELINE_MARK, spec)
        return functools.partial(open_run, spec)

    return Block(open_for) if name is None or isinstance(name, str) else decorate(name, open_for)


@overload
def step(name: F, /) -> F: ...
@overload
def step(
    name: str | None = None,
    *,
    index: int | None = None,
    total: int | None = None,
    kind: str = "python",
    token_budget: int | None = None,
    attempt: int = 1,
    input: Any = None,
    capture: Mode | None = None,
) -> Block[Step]: ...
def step(
    name: F | str | None = None,
    *,
    index: int | None = None,
    total: int | None = None,
    kind: str = "python",
    token_budget: int | None = None,
    attempt: int = 1,
    input: Any = None,  # noqa: A002 - the word users know; nothing here reads from the terminal
    capture: Mode | None = None,
) -> F | Block[Step]:
    """Make a function or a ``with`` block a step of the current run.

    Args:
        name: name of the step; default: the function's.
        index: position in the run, counted from 1; default: counted, except for a step inside a step.
        total: how many steps the run has, where known.
        kind: what the step is.
        token_budget: how many tokens it may use.
        attempt: which try this is, counted from 1.
        input: what a ``with`` block starts with; a function's arguments are recorded by themselves.
        capture: ``full``, ``hash`` or ``off`` for it and everything inside; it can only be stricter than around it.

    Raises:
        ValueError: if ``capture`` is none of these.
        TypeError: if what is decorated cannot be called.
    """
    label = name if isinstance(name, str) else None
    mode = checked(capture)

    def open_for(fn: Callable[..., Any] | None) -> Open:
        spec = StepSpec(label or _name(fn, "step"), index, total, kind, token_budget, attempt, input, mode)
        return functools.partial(open_step, spec)

    return Block(open_for) if name is None or isinstance(name, str) else decorate(name, open_for)


def _name(fn: Callable[..., Any] | None, default: str) -> str:
    return str(getattr(fn, "__name__", default))


def _version(declared: str | None, fn: Callable[..., Any] | None) -> Callable[[], str]:
    if declared is not None or fn is None:
        return lambda: declared or ""
    # Reading the source costs milliseconds: only once, and only when the pipeline runs.
    return functools.cache(lambda: source_version(fn) or "")


def decorate(fn: F, open_for: Callable[[Callable[..., Any] | None], Open]) -> F:
    """Wrap ``fn`` in the shape it has."""
    if isinstance(fn, (staticmethod, classmethod)):
        return cast("F", type(fn)(decorate(fn.__func__, open_for)))
    if not callable(fn):
        raise TypeError(f"only a function can be a pipeline or step, not {fn!r}")
    return cast("F", shaped(fn, open_for(fn)))
