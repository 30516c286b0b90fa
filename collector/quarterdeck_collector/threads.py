"""Blocking calls beside the event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def offload(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``function`` in a daemon thread: unlike a pool's, one stuck on a dead server does not hold up the exit.

    Args:
        function: What to call.
        args: Its arguments.
        kwargs: Its named arguments.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # no error: the result is one

    def run() -> None:
        result, error = None, None
        try:
            result = function(*args, **kwargs)
        except Exception as caught:  # noqa: BLE001 - handed to the caller
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True, name=getattr(function, "__name__", "offload")).start()
    return await done
