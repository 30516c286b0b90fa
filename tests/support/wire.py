"""A wire to a server that can be cut: a proxy for TCP, whose own port then refuses connections."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from support.deck import free_ports


class Wire:
    """Carries bytes between its own port and a server's, until it is cut.

    Args:
        target: URL of the server.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._port = free_ports(1)[0]
        self._door: socket.socket | None = None
        self._ends: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._port}"
        self.mend()

    def mend(self) -> None:
        """Let connections through."""
        self._door = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        """Break what is open and refuse what comes."""
        door, self._door = self._door, None
        for end in ([door] if door else []) + list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = door.accept()
                try:
                    far = socket.create_connection((self._target.hostname or "", self._target.port or 80))
                except OSError:
                    near.close()
                    continue
                self._ends |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            self._ends.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def wire(target: str) -> Iterator[Wire]:
    """Lay a wire to a server until the block ends."""
    laid = Wire(target)
    try:
        yield laid
    finally:
        laid.cut()
