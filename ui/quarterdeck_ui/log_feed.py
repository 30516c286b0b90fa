"""The push route of the log viewer: one WebSocket a screen; it sends a filter, and gets a page and what follows."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from quarterdeck_ui.feed import same_origin
from quarterdeck_ui.log_tail import LogTails
from quarterdeck_ui.queries import LEVELS, LogFilter, LogLine, Store, StoreError, log_looks

PAGE: Final = 400
"""Records that a screen gets at once."""

_POLICY_VIOLATION: Final = 1008
_LONGEST: Final = 500
_LOG = logging.getLogger("quarterdeck.ui")

Message = dict[str, Any]


class LogFeed:
    """Serves ``/deck/logs``.

    Args:
        store: ClickHouse.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tails = LogTails(store)

    async def serve(self, socket: WebSocket) -> None:
        """Talk to one screen until it leaves."""
        if not same_origin(socket):
            await socket.close(_POLICY_VIOLATION)
            return
        await socket.accept()
        following: asyncio.Task[None] | None = None
        older: asyncio.Task[None] | None = None
        try:
            while True:
                said = _said(await socket.receive_text())
                if said.get("type") == "filter":
                    for task in filter(None, (following, older)):
                        task.cancel()
                    following = asyncio.create_task(self._follow(socket, said))
                elif said.get("type") == "older":
                    older = asyncio.create_task(self._older(socket, said))
        except (WebSocketDisconnect, RuntimeError):
            _LOG.debug("a screen left the logs")
        finally:
            tasks = [task for task in (following, older) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, socket: WebSocket, said: Message) -> None:
        wanted, number = log_filter(said), said.get("number")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            async with self._tails.follow(wanted) as news:
                await self._page(socket, wanted, {"type": "page", "number": number})
                while True:
                    told = await news.get()
                    message: Message = {"type": "tail", "number": number, "lines": plain(told.lines), "gap": told.gap}
                    await _send(socket, message | {"problem": told.problem})

    async def _older(self, socket: WebSocket, said: Message) -> None:
        try:
            time_ns, ident = map(int, said["before"])
        except (KeyError, TypeError, ValueError):
            return
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            head = {"type": "older", "number": said.get("number")}
            await self._page(socket, log_filter(said), head, before=(time_ns, ident))

    async def _page(self, socket: WebSocket, wanted: LogFilter, head: Message, **bounds: Any) -> None:
        """Send what is found as it is found: first as ``head`` says, then as what is older, at last how it ended."""
        looks, found = log_looks(self._store, wanted, PAGE, **bounds), 0
        try:
            while (lines := await asyncio.to_thread(next, looks, None)) is not None:
                if lines:
                    found += len(lines)
                    await _send(socket, head | {"lines": plain(lines), "more": True, "problem": ""})
                    head = head | {"type": "older"}
        except StoreError as error:
            await _send(socket, head | {"lines": [], "problem": str(error)})
        else:
            await _send(socket, head | {"lines": [], "start": found < PAGE, "problem": ""})


def log_filter(said: Message) -> LogFilter:
    """Read a filter from what a browser says; what makes no sense counts as empty."""
    levels = said.get("levels")
    known = {LEVELS.index(name) for name in levels if name in LEVELS} if isinstance(levels, list) else set()
    texts = {name: str(said.get(name) or "")[:_LONGEST] for name in ("pipeline", "run", "step", "text", "pattern")}
    return LogFilter(tuple(sorted(known)), **texts)


def plain(lines: Sequence[LogLine]) -> list[Message]:
    """Lines for a browser; whose numbers are too short for nanoseconds and ids."""
    return [
        {
            "key": [str(line.time_ns), str(line.id)],
            "ms": line.time_ns / 1e6,
            "level": LEVELS[min((line.severity - 1) // 4, len(LEVELS) - 1)],
            "service": line.service,
            "pipeline": line.pipeline,
            "step": line.step,
            "run": line.run_id,
            "span": line.span_id,
            "event": line.event,
            "body": line.body,
            "attributes": dict(line.attributes),
        }
        for line in lines
    ]


def _said(text: str) -> Message:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _send(socket: WebSocket, message: Message) -> None:
    await socket.send_text(json.dumps(message, separators=(",", ":")))
