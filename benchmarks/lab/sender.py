"""Send OTLP requests from many connections, as cheaply as Python can: a process of its own, started by :func:`send`.

Run as ``python sender.py URL FILE CONNECTIONS PAUSE``; prints one JSON object.
"""

import asyncio
import functools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

RETRY_S: Final = 0.05
_BUSY: Final = (429, 503)
_OK: Final = 200


@dataclass
class Sent:
    """What the sender saw; ``cpu`` is its own CPU time, times are in seconds.

    Where requests have their times, waits begin at those: a server that holds up the sender gains nothing.
    """

    cpu: float = 0.0
    retries: int = 0
    waits: list[float] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """Sends one body after the other, none before its time; a busy server gets the same one again."""

    def __init__(
        self, head: str, bodies: Iterator[tuple[float, bytes]], sent: Sent, done: "asyncio.Future[None]"
    ) -> None:
        self._head, self._bodies, self._sent, self.done = head, bodies, sent, done
        self._transport: Any = None
        self._body, self._got, self._began = b"", b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        planned, self._body = next(self._bodies, (0.0, b""))
        if not self._body:
            self.done.set_result(None)
            self._transport.close()
            return
        now = time.perf_counter()
        self._began = planned or now
        asyncio.get_running_loop().call_later(max(0.0, self._began - now), self._post)

    def _post(self) -> None:
        self._transport.writelines([f"{self._head}content-length: {len(self._body)}\r\n\r\n".encode(), self._body])

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, mark, rest = self._got.partition(b"\r\n\r\n")
        if not mark or len(rest) < _length(head):
            return
        self._got = b""
        status = int(head.split(b" ", 2)[1])
        if status == _OK:
            self._sent.waits.append(time.perf_counter() - self._began)
            self._next()
        elif status in _BUSY:
            self._sent.retries += 1
            asyncio.get_running_loop().call_later(RETRY_S, self._post)
        else:
            self.done.set_exception(RuntimeError(f"the server said {status}: {rest[:200]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or RuntimeError("the server closed the connection"))


def _same(connection: _Connection) -> _Connection:
    return connection


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _send_all(url: str, bodies: list[bytes], connections: int, pause: float) -> Sent:
    start = time.perf_counter()
    left = ((start + number * pause if pause else 0.0, body) for number, body in enumerate(bodies))
    place, sent = urlsplit(url), Sent()
    head = f"POST {place.path} HTTP/1.1\r\nhost: {place.netloc}\r\ncontent-type: application/x-protobuf\r\n"
    loop, before = asyncio.get_running_loop(), resource.getrusage(resource.RUSAGE_SELF)
    made = [_Connection(head, left, sent, loop.create_future()) for _ in range(connections)]
    for one in made:
        await loop.create_connection(functools.partial(_same, one), place.hostname or "", place.port or 80)
    await asyncio.gather(*(one.done for one in made))
    now = resource.getrusage(resource.RUSAGE_SELF)
    sent.cpu = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    return sent


def send(url: str, bodies: Path, connections: int, pause: float = 0.0) -> Sent:
    """Send a file of bodies in a new process and wait until each was answered with 200.

    Args:
        url: Where to.
        bodies: The file.
        connections: How many send at once.
        pause: Seconds from one request to the next; 0 for as fast as they are answered.

    Raises:
        RuntimeError: If one was refused.
    """
    command = [sys.executable, __file__, url, str(bodies), str(connections), str(pause)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"the sender failed on {url}")
    return Sent(**json.loads(done.stdout))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "tests")]
    from lab.load import read

    result = asyncio.run(_send_all(sys.argv[1], read(Path(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(asdict(result)))
