"""A Gemini stream sends its request when it is first read; it belongs all the same to the step that asked for it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

from opentelemetry.context import Context, attach, get_current

from quarterdeck.context import leave, run_in, step_in


def wrap(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Remember where a stream is asked for."""

    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        chunks = original(self, *args, **kwargs)
        here = get_current()
        return _read(chunks, here) if _somewhere(here) and isinstance(chunks, Generator) else chunks

    return stream


def wrap_async(original: Callable[..., Awaitable[AsyncIterator[Any]]]) -> Callable[..., Awaitable[AsyncIterator[Any]]]:
    """As above, for coroutines."""

    async def stream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        chunks = await original(self, *args, **kwargs)
        here = get_current()
        return _read_async(chunks, here) if _somewhere(here) and isinstance(chunks, AsyncGenerator) else chunks

    return stream


def _somewhere(context: Context) -> bool:
    return run_in(context) is not None or step_in(context) is not None


def _entered(here: Context) -> Any:
    """Go where the stream was asked for, unless it is read there; what comes back is for :func:`_left`."""
    there = run_in(None) is run_in(here) and step_in(None) is step_in(here)
    return None if there else attach(here)


def _left(token: Any) -> None:
    if token is not None:
        leave(token)


def _read(chunks: Generator[Any, Any, Any], here: Context) -> Iterator[Any]:
    try:
        while True:
            token = _entered(here)
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            finally:
                _left(token)
            yield chunk
    finally:
        chunks.close()


async def _read_async(chunks: AsyncGenerator[Any, Any], here: Context) -> AsyncIterator[Any]:
    try:
        while True:
            token = _entered(here)
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            finally:
                _left(token)
            yield chunk
    finally:
        await chunks.aclose()
