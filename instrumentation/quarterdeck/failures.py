"""Exceptions on spans: named the OpenTelemetry way, bounded, and never in the way of the span's end."""

import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any, Final

from opentelemetry.trace import Span, Status, StatusCode

from quarterdeck import semconv
from quarterdeck.guard import guarded
from quarterdeck.values import cut

_MAX_MESSAGE_BYTES: Final = 4_096
_MAX_CALLERS: Final = 12
_FOREIGN: Final = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parent),
    "<frozen",
)
"""Where code lies that is not the user's."""


def error_type(error: BaseException) -> str:
    """Name an exception's class the OpenTelemetry way: with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def said(error: BaseException) -> str:
    """What an exception says, whatever happens when it is asked."""
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 - a user's exception may do anything when looked at
        return f"<{type(problem).__name__} when shown>"


def summary(error: BaseException) -> str:
    """One line for a span's status."""
    return cut(f"{type(error).__name__}: {said(error)}", _MAX_MESSAGE_BYTES)


def described(error: BaseException) -> dict[str, Any]:
    """Attributes of an ``exception`` event or log record, bounded."""
    found = {"exception.type": error_type(error), "exception.message": cut(said(error))}
    with guarded("format a traceback"):
        found["exception.stacktrace"] = cut("".join(traceback.format_exception(error)))
    return found


def record(span: Span, error: BaseException, kind: str) -> None:
    """Put a failure on a span: status, type, and the exception as an event.

    Args:
        span: whose.
        error: why it failed.
        kind: value of ``error.type``.
    """
    span.set_attribute(semconv.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, summary(error)))
    span.add_event("exception", {**described(error), "exception.escaped": "False"})


def record_call(span: Span, error: BaseException, kind: str) -> None:
    """Put the failure of a model call on its span, and who called: the exception has not come that far yet.

    Args:
        span: whose.
        error: why it failed.
        kind: value of ``error.type``.
    """
    record(span, error, kind)
    with guarded("look for the callers"):
        if lines := _callers():
            span.set_attribute(semconv.CODE_STACKTRACE, "".join(lines))


def _callers() -> list[str]:
    """The innermost frames of the user's own code above this one, as a traceback shows them, without their source."""
    found: list[str] = []
    frame = sys._getframe(1)  # noqa: SLF001 - the way that the standard library names
    while frame is not None and len(found) < _MAX_CALLERS:
        code = frame.f_code
        if not code.co_filename.startswith(_FOREIGN):
            found.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n')
        frame = frame.f_back  # type: ignore[assignment] # None behind the outermost
    return found[::-1]
