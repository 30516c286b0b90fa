"""``@pipeline`` and ``@step``: one factory, the shape of the call chosen once, at decoration.

Both are decorators (with and without arguments) and context managers (``with`` and ``async with``). A generator's
span is current only while the generator computes, never while it is suspended.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

from opentelemetry.context import get_current

from quarterdeck import config
from quarterdeck.context import Run, Step
from quarterdeck.execution import (
    Execution,
    PipelineSpec,
    StepSpec,
    boundary,
    boundary_async,
    inert_step,
    open_run,
    open_step,
    source_version,
)
from quarterdeck.guard import guarded
from quarterdeck.values import MAX_ITEMS, MAX_TEXT_BYTES, Budget, plain

P = ParamSpec("P")
R = TypeVar("R")
Handle = TypeVar("Handle", Run, Step)

Opened = Execution[Run] | Execution[Step]
Open = Callable[[Any], Opened]
"""``open(arguments)`` starts one execution."""


class Block(Generic[Handle]):
    """What ``pipeline(...)`` and ``step(...)`` give: decorate a function with it or enter it.

    Args:
        open_for: makes the opener, given the decorated function or ``None`` for a ``with`` block.
    """

    def __init__(self, open_for: Callable[[Callable[..., Any] | None], Open]) -> None:
        self._open_for = open_for
        self._entered: list[Opened] = []

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
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
def pipeline(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def pipeline(
    name: str | None = None,
    *,
    version: str | None = None,
    config: Any = None,
    total: int | None = None,
    input: Any = None,
) -> Block[Run]: ...
def pipeline(
    name: Callable[P, R] | str | None = None,
    *,
    version: str | None = None,
    config: Any = None,
    total: int | None = None,
    input: Any = None,  # noqa: A002 - the word users know; nothing here reads from the terminal
) -> Callable[P, R] | Block[Run]:
    """Make a function or a ``with`` block a run of a pipeline; inside another run it becomes a step of that one.

    Args:
        name: name of the pipeline; default: the function's.
        version: version of the definition; default: a short hash of the function's source.
        config: the definition's configuration.
        total: how many steps a run has, where known.
        input: what a ``with`` block starts with; a function's arguments are recorded by themselves.
    """
    label = name if isinstance(name, str) else None

    def open_for(fn: Callable[..., Any] | None) -> Open:
        versioned = _version(version, fn)
        spec = PipelineSpec(label or _name(fn, "pipeline"), versioned, config, total, input)
        return lambda arguments: open_run(spec, arguments)

    return Block(open_for) if name is None or isinstance(name, str) else decorate(name, open_for)


@overload
def step(name: Callable[P, R], /) -> Callable[P, R]: ...
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
) -> Block[Step]: ...
def step(
    name: Callable[P, R] | str | None = None,
    *,
    index: int | None = None,
    total: int | None = None,
    kind: str = "python",
    token_budget: int | None = None,
    attempt: int = 1,
    input: Any = None,  # noqa: A002 - the word users know; nothing here reads from the terminal
) -> Callable[P, R] | Block[Step]:
    """Make a function or a ``with`` block a step of the current run.

    Args:
        name: name of the step; default: the function's.
        index: position in the run, counted from 1; default: counted, except for a step inside a step.
        total: how many steps the run has, where known.
        kind: what the step is.
        token_budget: how many tokens it may use.
        attempt: which try this is, counted from 1.
        input: what a ``with`` block starts with; a function's arguments are recorded by themselves.
    """
    label = name if isinstance(name, str) else None

    def open_for(fn: Callable[..., Any] | None) -> Open:
        spec = StepSpec(label or _name(fn, "step"), index, total, kind, token_budget, attempt, input)
        return lambda arguments: open_step(spec, arguments)

    return Block(open_for) if name is None or isinstance(name, str) else decorate(name, open_for)


def _name(fn: Callable[..., Any] | None, default: str) -> str:
    return str(getattr(fn, "__name__", default))


def _version(declared: str | None, fn: Callable[..., Any] | None) -> Callable[[], str]:
    if declared is not None or fn is None:
        return lambda: declared or ""
    # Reading the source costs milliseconds: only once, and only when the pipeline runs.
    return functools.cache(lambda: source_version(fn) or "")


def safely(open_one: Open, arguments: Any) -> Opened:
    """Start an execution; an inert one when telemetry fails."""
    with guarded("start a span"):
        return open_one(arguments)
    return inert_step("")


def decorate(fn: Callable[P, R], open_for: Callable[[Callable[..., Any] | None], Open]) -> Callable[P, R]:
    """Wrap ``fn`` in the shape it has."""
    if isinstance(fn, (staticmethod, classmethod)):
        return cast("Callable[P, R]", type(fn)(decorate(fn.__func__, open_for)))
    wrap = next((wrap for fits, wrap in _SHAPES if fits(fn)), None)
    if wrap is None:
        raise TypeError(f"only a function can be a pipeline or step, not {fn!r}")
    return cast("Callable[P, R]", functools.wraps(fn)(wrap(fn, open_for(fn), _Arguments(fn))))


class _Arguments:
    """Names of a function's arguments, so that its input can be recorded as an object."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._signature: inspect.Signature | None = None
        with guarded("read a signature"):
            self._signature = inspect.signature(fn)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Bind a call's arguments; one that does not fit is the function's own business to refuse."""
        if self._signature is None:
            return {"args": args, **kwargs}
        try:
            bound = dict(self._signature.bind(*args, **kwargs).arguments)
        except TypeError:
            return {"args": args, **kwargs}
        first = next(iter(bound), "")
        if first in {"self", "cls"}:
            del bound[first]
        return bound


def _wrap_function(fn: Callable[..., Any], open_one: Open, arguments: _Arguments) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        boundary()
        with safely(open_one, arguments(args, kwargs)) as execution:
            result = fn(*args, **kwargs)
            execution.output(result)
            return result

    return call


def _wrap_coroutine(fn: Callable[..., Any], open_one: Open, arguments: _Arguments) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        await boundary_async()
        with safely(open_one, arguments(args, kwargs)) as execution:
            result = await fn(*args, **kwargs)
            execution.output(result)
            return result

    return call


def _wrap_generator(fn: Callable[..., Any], open_one: Open, arguments: _Arguments) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        boundary()
        execution = safely(open_one, arguments(args, kwargs))
        yielded = _Yielded()
        try:
            with execution.active():
                inner = fn(*args, **kwargs)
            result = yield from _drive(inner, execution, yielded)
        except BaseException as error:
            yielded.record(execution)
            execution.finish(error)
            raise
        yielded.record(execution)
        execution.finish(None)
        return result

    return call


def _drive(inner: Generator[Any, Any, Any], execution: Opened, yielded: "_Yielded") -> Generator[Any, Any, Any]:
    advance: Callable[[], Any] = functools.partial(next, inner)
    while True:
        try:
            with execution.active():
                item = advance()
        except StopIteration as stop:
            return stop.value
        yielded.add(item)
        try:
            sent = yield item
        except GeneratorExit:
            with execution.active():
                inner.close()
            raise
        except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the user's generator
            advance = functools.partial(inner.throw, error)
        else:
            advance = functools.partial(inner.send, sent)


def _wrap_async_generator(fn: Callable[..., Any], open_one: Open, arguments: _Arguments) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        await boundary_async()
        execution = safely(open_one, arguments(args, kwargs))
        yielded = _Yielded()
        try:
            inner = fn(*args, **kwargs)
            advance: Callable[[], Any] = functools.partial(anext, inner)
            while True:
                with execution.active():
                    try:
                        item = await advance()
                    except StopAsyncIteration:
                        break
                yielded.add(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    with execution.active():
                        await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the user's generator
                    advance = functools.partial(inner.athrow, error)
                else:
                    advance = functools.partial(inner.asend, sent)
        except BaseException as error:
            yielded.record(execution)
            execution.finish(error)
            execution.translate(error)
            raise
        yielded.record(execution)
        execution.finish(None)

    return call


class _Yielded:
    """The first items a generator gave, as its output: texts are joined, as streams of words are."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._others: list[Any] = []
        self._budget = Budget()
        self._characters = 0
        self._count = 0
        self._wanted = config.capture().mode != "off"

    def add(self, item: Any) -> None:
        self._count += 1
        if not self._wanted:
            return
        if isinstance(item, str) and not self._others:
            if self._characters <= 2 * MAX_TEXT_BYTES:
                self._texts.append(item)
                self._characters += len(item)
        elif len(self._texts) + len(self._others) < MAX_ITEMS and self._budget.left > 0:
            # As text, not as the object: a stream of large things would stay in memory.
            with guarded("capture an item"):
                self._others.append(plain(item, self._budget))

    def record(self, execution: Opened) -> None:
        if self._texts and not self._others:
            execution.output("".join(self._texts))
            return
        kept = [*self._texts, *self._others]
        missing = self._count - len(kept)
        execution.output([*kept, f"… {missing} more of {self._count}"] if missing and self._wanted else kept)


_SHAPES: Final[tuple[tuple[Callable[[Any], bool], Callable[..., Callable[..., Any]]], ...]] = (
    (inspect.isasyncgenfunction, _wrap_async_generator),
    (inspect.iscoroutinefunction, _wrap_coroutine),
    (inspect.isgeneratorfunction, _wrap_generator),
    (callable, _wrap_function),
)
"""Which wrapper fits a function; the first match counts."""
