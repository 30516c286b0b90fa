"""A network between clients and a collector, which can be cut: what was on its way then is lost, answers too."""

import asyncio
import threading
from typing import Final

_CHUNK: Final = 2**16


class Relay:
    """Carries bytes between its own port and another one of this machine, in a thread of its own."""

    def __init__(self, target: str) -> None:
        """Take connections for a target, such as ``http://127.0.0.1:4318``; ``address`` is where."""
        self._port = int(target.rpartition(":")[2])
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._server = server
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def cut(self) -> int:
        """Reset every connection, both ways, and say how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def close(self) -> None:
        """Cut, and take no more connections."""
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cut(self) -> int:
        ends = list(self._open)
        for end in ends:
            end.transport.abort()
        return len(ends) // 2

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:  # the collector is away: to the client it looks the same
            writer.transport.abort()
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(_CHUNK):
                writer.write(some)
                await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()
