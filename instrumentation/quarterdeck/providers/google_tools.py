"""Spans for the Python functions that google-genai calls by itself when the model asks for them."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace

from quarterdeck import config, failures, semconv
from quarterdeck.guard import guarded


class _Tool:
    """One execution of a function."""

    def __init__(self, args: Any, fn: Callable[..., Any]) -> None:
        name = str(getattr(fn, "__name__", type(fn).__name__))
        given = {
            semconv.OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL,
            semconv.TOOL_NAME: name,
            semconv.TOOL_CALL_ARGUMENTS: config.capture().value(args),
        }
        known = {key: value for key, value in given.items() if value is not None}
        self.span = config.tracer().start_span(f"{semconv.OPERATION_EXECUTE_TOOL} {name}", attributes=known)

    def end(self, result: Any, error: BaseException | None = None) -> None:
        with guarded("record the result of a tool"):
            said = config.capture().value(result)
            if said is not None:
                self.span.set_attribute(semconv.TOOL_CALL_RESULT, said)
            if isinstance(error, Exception):
                # The SDK wraps what the function raised.
                cause = error.__context__ or error
                failures.record(self.span, cause, failures.error_type(cause))
        self.span.end()


def _begin(args: Any, fn: Callable[..., Any]) -> _Tool | None:
    with guarded("start the span of a tool"):
        return _Tool(args, fn)
    return None


def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    """Observe the SDK's call of an ordinary function."""

    @functools.wraps(original)
    def invoke(args: Any, fn: Callable[..., Any]) -> Any:
        tool = _begin(args, fn)
        if tool is None:
            return original(args, fn)
        with trace.use_span(tool.span, record_exception=False, set_status_on_exception=False):
            try:
                result = original(args, fn)
            except BaseException as error:
                tool.end(None, error)
                raise
        tool.end(result)
        return result

    return invoke


def wrap_async(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Observe the SDK's call of a coroutine function."""

    @functools.wraps(original)
    async def invoke(args: Any, fn: Callable[..., Any]) -> Any:
        tool = _begin(args, fn)
        if tool is None:
            return await original(args, fn)
        with trace.use_span(tool.span, record_exception=False, set_status_on_exception=False):
            try:
                result = await original(args, fn)
            except BaseException as error:
                tool.end(None, error)
                raise
        tool.end(result)
        return result

    return invoke
