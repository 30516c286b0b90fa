"""Automatic function calling of google-genai: one span for each function that the SDK calls."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from quarterdeck.guard import guarded
from quarterdeck.providers import tools


def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    """Observe the SDK's call of an ordinary function."""

    def invoke(args: Any, fn: Callable[..., Any]) -> Any:
        return tools.run(_begin(args, fn), functools.partial(original, args, fn), _cause)

    return invoke


def wrap_async(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Observe the SDK's call of a coroutine function."""

    async def invoke(args: Any, fn: Callable[..., Any]) -> Any:
        return await tools.run_async(_begin(args, fn), functools.partial(original, args, fn), _cause)

    return invoke


def _begin(args: Any, fn: Callable[..., Any]) -> tools.Execution | None:
    with guarded("start the span of a tool"):
        return tools.Execution(str(getattr(fn, "__name__", type(fn).__name__)), args)
    return None


def _cause(error: Exception) -> BaseException:
    return error.__context__ or error
