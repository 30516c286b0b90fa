"""``execute_tool`` spans for the functions that a provider's SDK calls by itself when the model asks for them."""

from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span

from quarterdeck import config, failures, semconv, termination
from quarterdeck.guard import guarded


def record_call(span: Span, arguments: Any, result: Any) -> None:
    """Put what a tool got and gave on its span, as far as the capture policy allows."""
    capture = config.capture()
    known = {
        semconv.TOOL_CALL_ARGUMENTS: capture.value(arguments),
        semconv.TOOL_CALL_RESULT: capture.value(result),
    }
    span.set_attributes({key: value for key, value in known.items() if value is not None})


class Execution:
    """One execution of a tool, with a span of our own.

    Args:
        name: of the tool.
        arguments: what it is called with.
        attributes: what else is known.
    """

    def __init__(self, name: str, arguments: Any, **attributes: str) -> None:
        self._arguments = arguments
        given = {semconv.OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL, semconv.TOOL_NAME: name, **attributes}
        self.span = config.tracer().start_span(f"{semconv.OPERATION_EXECUTE_TOOL} {name}", attributes=given)
        termination.opened(id(self), lambda: self.end(None))

    def end(self, result: Any, error: BaseException | None = None) -> None:
        """End the span.

        Args:
            result: what the tool gave.
            error: why it failed.
        """
        termination.closed(id(self))
        with guarded("record the result of a tool"):
            record_call(self.span, self._arguments, result)
            if isinstance(error, Exception):
                failures.record(self.span, error, failures.error_type(error))
        self.span.end()


def run(execution: Execution | None, compute: Callable[[], Any], cause: Callable[[Exception], BaseException]) -> Any:
    """Compute inside the span of a tool.

    Args:
        execution: the span; ``None`` where it could not start.
        compute: calls the tool.
        cause: finds what the tool itself raised in what the SDK makes of it.
    """
    if execution is None:
        return compute()
    with trace.use_span(execution.span, record_exception=False, set_status_on_exception=False):
        try:
            result = compute()
        except BaseException as error:
            execution.end(None, cause(error) if isinstance(error, Exception) else error)
            raise
    execution.end(result)
    return result


async def run_async(
    execution: Execution | None, compute: Callable[[], Awaitable[Any]], cause: Callable[[Exception], BaseException]
) -> Any:
    """As :func:`run`, for coroutines."""
    if execution is None:
        return await compute()
    with trace.use_span(execution.span, record_exception=False, set_status_on_exception=False):
        try:
            result = await compute()
        except BaseException as error:
            execution.end(None, cause(error) if isinstance(error, Exception) else error)
            raise
    execution.end(result)
    return result
