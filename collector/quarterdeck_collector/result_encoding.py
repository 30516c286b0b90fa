"""Content-Encodings of the ClickHouse HTTP interface.

A streamed result is one frame: clickhouse-connect reads no more than one lz4 frame per network chunk and would
silently lose the rest.
"""

import zlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Protocol

_GZIP = zlib.MAX_WBITS | 16


class _Stream(Protocol):
    def push(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(1, wbits=_GZIP)

    def push(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush()


class _Lz4:
    def __init__(self) -> None:
        import lz4.frame

        self._stream: Any = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._head: bytes = self._stream.begin()

    def push(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        body: bytes = self._stream.compress(data)
        return head + body

    def finish(self) -> bytes:
        tail: bytes = self._stream.flush()
        return self._head + tail


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._stream: Any = zstandard.ZstdCompressor(level=1).compressobj()
        self._block: int = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def push(self, data: bytes) -> bytes:
        body: bytes = self._stream.compress(data) + self._stream.flush(self._block)
        return body

    def finish(self) -> bytes:
        tail: bytes = self._stream.flush()
        return tail


_STREAMS: dict[str, type[_Stream]] = {"zstd": _Zstd, "lz4": _Lz4, "gzip": _Gzip}


def compress(data: bytes, encoding: str) -> bytes:
    """Compress a whole result."""
    stream = _STREAMS[encoding]()
    return stream.push(data) + stream.finish()


async def compressed(parts: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Compress a result piece by piece; nothing waits for the next piece.

    Args:
        parts: The pieces.
        encoding: ``zstd``, ``lz4``, ``gzip``, or '' to leave them as they are.
    """
    stream = _STREAMS[encoding]() if encoding else None
    async for part in parts:
        yield stream.push(part) if stream else part
    if stream:
        yield stream.finish()
