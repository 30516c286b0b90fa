"""Servers whose clients cannot hold connections or memory by being slow.

For services only: uvicorn comes with their extras, not with the SDK.
"""

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE: Final = 1.0
"""Seconds that an application has to refuse a body that is too slow, before the connection ends without an answer."""

HEAD_BYTES: Final = 1 << 20
"""Largest request line with headers: a query may be in it."""

OVERFLOW: Final = 64
"""Connections above the limit that are told so; further ones are closed at once."""


class Connection(HttpToolsProtocol):
    """One HTTP connection, ended when its client keeps the server waiting.

    Args:
        args: Arguments of uvicorn's protocol.
        patience: Seconds for the headers of a request, for its body, and for the client to take an answer.
        kwargs: Named arguments of uvicorn's protocol.
    """

    def __init__(self, *args: Any, patience: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = patience
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for a request."""
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > self.limit_concurrency + OVERFLOW:
            transport.abort()
            return
        self._wait_for_client(self._patience)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; too many before its body end the connection."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("The request line and headers are too large.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait for headers."""
        self._wait_for_client(self._patience)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._in_head = False
        self._wait_for_client(self._patience + GRACE)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no longer: it is the server's turn."""
        _cancel(self._reading)
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent."""
        super().pause_writing()
        self._writing = self.loop.call_later(self._patience, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        _cancel(self._writing)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        _cancel(self._reading)
        _cancel(self._writing)
        super().connection_lost(exc)

    def _wait_for_client(self, seconds: float) -> None:
        _cancel(self._reading)
        self._reading = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        if self.flow.read_paused:  # the server is the slow one: an earlier request of the connection is still at work
            self._wait_for_client(self._patience)
        else:
            self.transport.abort()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def server(app: ASGIApp, patience: float, most: int) -> Server:
    """Make a server.

    Args:
        app: What it serves.
        patience: Seconds that a client may keep it waiting.
        most: Connections at once; requests on further ones get 503.
    """
    protocol: Any = functools.partial(Connection, patience=patience)  # uvicorn asks for a class and only calls it
    return Server(
        uvicorn.Config(
            app,
            http=protocol,
            lifespan="off",
            log_config=None,  # its records go where the service's own go
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            limit_concurrency=most + 1,  # at which uvicorn refuses
            ws="none",
        )
    )
