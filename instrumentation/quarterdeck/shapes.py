"""The shapes of a call, a wrapper each, chosen once, at decoration.

A generator's span is current only while the generator computes, never while it is suspended. Exceptions pass as they
are, without our frames in their tracebacks.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final

from opentelemetry.context import attach

from quarterdeck import gate
from quarterdeck.capture import Capture
from quarterdeck.context import Run, Step, leave
from quarterdeck.execution import Execution, boundary, boundary_async, inert_step
from quarterdeck.guard import guarded
from quarterdeck.signatures import Arguments
from quarterdeck.values import MAX_ITEMS, MAX_TEXT_BYTES, Budget, plain

Opened = Execution[Run] | Execution[Step]
Open = Callable[[Any], Opened]
"""``open(arguments)`` starts one execution."""

_OURS: Final = frozenset({id(globals()), id(vars(gate))})
"""Modules whose frames lie between those of the user, by the identity of their global names."""
_STARTING: Final = guarded("start a span")
_CAPTURING: Final = guarded("capture a result")


def shaped(fn: Callable[..., Any], open_one: Open) -> Callable[..., Any]:
    """Wrap a function in the shape it has."""
    wrap = next(wrap for fits, wrap in _SHAPES if fits(fn))
    return functools.wraps(fn)(wrap(fn, open_one, Arguments(fn)))


def safely(open_one: Open, arguments: Any) -> Opened:
    """Start an execution; an inert one when telemetry fails."""
    try:
        return open_one(arguments)
    except Exception as problem:
        if not _STARTING.take(problem):
            raise
    return inert_step("")


def _failed(execution: Opened, error: BaseException) -> None:
    """End an execution for ``error``, which a bare ``raise`` then passes on without our frames."""
    shown = error.__traceback__
    while shown is not None and id(shown.tb_frame.f_globals) in _OURS:
        shown = shown.tb_next
    error.__traceback__ = shown
    # What was thrown into a generator has met our frame once more, further in.
    while shown is not None:
        while shown.tb_next is not None and id(shown.tb_next.tb_frame.f_globals) in _OURS:
            shown.tb_next = shown.tb_next.tb_next
        shown = shown.tb_next
    meant = execution.translated(error)
    execution.finish(meant)
    if meant is not error:
        raise meant from None


def _wrap_function(fn: Callable[..., Any], open_one: Open, arguments: Arguments) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        boundary()
        execution = safely(open_one, arguments(args, kwargs))
        token = attach(execution.context)
        try:
            result = fn(*args, **kwargs)
        except BaseException as error:
            leave(token)
            _failed(execution, error)
            raise
        leave(token)
        execution.finish(None, result)
        return result

    return call


def _wrap_coroutine(fn: Callable[..., Any], open_one: Open, arguments: Arguments) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        await boundary_async()
        execution = safely(open_one, arguments(args, kwargs))
        token = attach(execution.context)
        try:
            result = await execution.steered(fn(*args, **kwargs))
        except BaseException as error:
            leave(token)
            _failed(execution, error)
            raise
        leave(token)
        execution.finish(None, result)
        return result

    return call


def _wrap_generator(fn: Callable[..., Any], open_one: Open, arguments: Arguments) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        boundary()
        execution = safely(open_one, arguments(args, kwargs))
        yielded = _Yielded(execution.handle.capture)
        given: Any = None
        try:
            inner = fn(*args, **kwargs)
            advance: Callable[[Any], Any] = inner.send
            while True:
                token = execution.resume()
                try:
                    item = advance(given)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    execution.suspend(token)
                yielded.add(item)
                try:
                    given = yield item
                    advance = inner.send
                except GeneratorExit:
                    token = execution.resume()
                    try:
                        inner.close()
                    finally:
                        execution.suspend(token)
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the user's generator
                    given, advance = error, inner.throw
        except BaseException as error:
            yielded.record(execution)
            _failed(execution, error)
            raise
        yielded.record(execution)
        execution.finish(None)
        return result

    return call


def _wrap_async_generator(fn: Callable[..., Any], open_one: Open, arguments: Arguments) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        await boundary_async()
        execution = safely(open_one, arguments(args, kwargs))
        yielded = _Yielded(execution.handle.capture)
        given: Any = None
        try:
            inner = fn(*args, **kwargs)
            advance: Callable[[Any], Any] = inner.asend
            while True:
                token = execution.resume()
                try:
                    item = await execution.steered(advance(given))
                except StopAsyncIteration:
                    break
                finally:
                    execution.suspend(token)
                yielded.add(item)
                try:
                    given = yield item
                    advance = inner.asend
                except GeneratorExit:
                    token = execution.resume()
                    try:
                        await inner.aclose()
                    finally:
                        execution.suspend(token)
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the user's generator
                    given, advance = error, inner.athrow
        except BaseException as error:
            yielded.record(execution)
            _failed(execution, error)
            raise
        yielded.record(execution)
        execution.finish(None)

    return call


class _Yielded:
    """The first items a generator gave, as its output: texts are joined, as streams of words are.

    Args:
        capture: what may be kept.
    """

    def __init__(self, capture: Capture) -> None:
        self._texts: list[str] = []
        self._others: list[Any] = []
        self._budget = Budget()
        self._characters = 0
        self._count = 0
        self._wanted = capture.mode != "off"

    def add(self, item: Any) -> None:
        """Note an item."""
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
        """Make what was noted the result."""
        with _CAPTURING:
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
