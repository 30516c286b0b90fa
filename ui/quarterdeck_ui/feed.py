"""The push route: one WebSocket a screen, fed from the hub."""

import asyncio
import contextlib
import json
import logging
from typing import Any
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from quarterdeck_ui import span_view
from quarterdeck_ui.history_feed import HistoryDesk
from quarterdeck_ui.hub import Cache, Hub
from quarterdeck_ui.queries import Store, StoreError, span_payload
from quarterdeck_ui.scope import scope_of
from quarterdeck_ui.span_view import SpanView
from quarterdeck_ui.viewer import Viewer

_POLICY_VIOLATION = 1008
_KEEP_WATCHING_S = 2.0
_LONGEST_ID = 200
_LOG = logging.getLogger("quarterdeck.ui")


class Feed:
    """Serves ``/deck/live``: the browser says what it shows, the server sends what changed."""

    def __init__(self, hub: Hub, store: Store) -> None:
        """Name the sources.

        Args:
            hub: Shared state.
            store: Where payloads are read from.
        """
        self._hub, self._store = hub, store
        self._payloads: Cache[tuple[str, str], SpanView] = Cache(256)

    async def serve(self, socket: WebSocket) -> None:
        """Talk to one screen until it leaves."""
        if not same_origin(socket):
            await socket.close(_POLICY_VIOLATION)
            return
        await socket.accept()
        viewer, turned = Viewer(self._hub, self._payload), asyncio.Event()
        history = HistoryDesk(self._hub, self._store, lambda message: _send(socket, message), viewer.history)
        listener = asyncio.create_task(_listen(socket, viewer, history, turned))
        try:
            await self._tell(socket, viewer, turned, listener)
        except (WebSocketDisconnect, RuntimeError):
            _LOG.debug("a screen left")
        finally:
            history.stop()
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _tell(
        self, socket: WebSocket, viewer: Viewer, turned: asyncio.Event, listener: "asyncio.Task[None]"
    ) -> None:
        while not listener.done():
            turned.clear()
            news = asyncio.create_task(self._hub.news())
            turn = asyncio.create_task(turned.wait())
            try:
                for message in await viewer.messages():
                    await _send(socket, message)
                await asyncio.wait(
                    {news, turn, listener}, timeout=_KEEP_WATCHING_S, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                news.cancel()
                turn.cancel()

    async def _payload(self, run_id: str, span_id: str) -> SpanView | None:
        known = self._payloads.get((run_id, span_id))
        if known is None:
            with contextlib.suppress(StoreError):  # the poller reports that ClickHouse is away
                payload = await asyncio.to_thread(span_payload, self._store, run_id, span_id)
                if payload is not None:
                    known = span_view.from_payload(span_id, payload)
                    self._payloads.put((run_id, span_id), known)
        return known


async def _listen(socket: WebSocket, viewer: Viewer, history: HistoryDesk, turned: asyncio.Event) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            said = _said(await socket.receive_text())
            if said.get("type") == "history":
                history.ask(said)
                continue
            viewer.look(_id(said, "run"), _id(said, "span"))
            viewer.limit(scope_of(said), paused=said.get("paused") is True)
            turned.set()


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(message, separators=(",", ":")))


def _said(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _id(said: dict[str, Any], name: str) -> str:
    return str(said.get(name) or "")[:_LONGEST_ID]


def same_origin(socket: WebSocket) -> bool:
    """Whether the page that connects came from this server: browsers let any page open a WebSocket."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
