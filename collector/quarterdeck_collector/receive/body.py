"""Request bodies: bounded while they are read and while they are inflated."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

OFFLOAD_BYTES: Final = 16 * 1024
"""Bodies above this are inflated, or parsed from JSON, in a thread."""


_MOST_MEMBERS: Final = 100
"""Parts of a gzip body: each is found by copying what follows it."""

_LARGEST_WINDOW: Final = 1 << 23
"""Memory of a zstd frame: what its format asks every reader to offer, and all levels up to 19 to make do with."""


class BodyTooLargeError(Exception):
    """The body is larger than allowed."""


class BadEncodingError(Exception):
    """The body is not what its Content-Encoding says."""


class UnknownEncodingError(Exception):
    """A Content-Encoding that the collector does not read."""


async def read(chunks: AsyncIterator[bytes], limit: int, reserve: Callable[[int], None]) -> bytes:
    """Collect a request body.

    Args:
        chunks: Pieces as they arrive.
        limit: Largest number of bytes.
        reserve: Told of every piece before the next is read; may refuse by raising.

    Raises:
        BodyTooLargeError: As soon as there are more.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError
        reserve(len(chunk))
        parts.append(chunk)
    return b"".join(parts)


async def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding.

    Args:
        data: Body as received.
        encoding: ``gzip``, ``deflate``, ``zstd``, ``identity`` or nothing.
        limit: Largest number of bytes to come out; nothing beyond it is produced.

    Raises:
        UnknownEncodingError: For any other encoding.
        BadEncodingError: If the data are damaged or cut short.
        BodyTooLargeError: If more would come out.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return data
    if name not in _DECODERS:
        raise UnknownEncodingError(name)
    if len(data) < OFFLOAD_BYTES:
        return _DECODERS[name](data, limit)
    return await asyncio.to_thread(_DECODERS[name], data, limit)


def _inflate_zlib(data: bytes, limit: int, window_bits: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while data:  # a gzip body may consist of several members
        if len(parts) == _MOST_MEMBERS:
            raise BadEncodingError(f"it has more than {_MOST_MEMBERS} members")
        stream = zlib.decompressobj(window_bits)
        try:
            part = stream.decompress(data, left + 1)
        except zlib.error as error:
            raise BadEncodingError(str(error)) from error
        left -= len(part)
        if left < 0:
            raise BodyTooLargeError
        if not stream.eof:
            raise BadEncodingError("the compressed data end too early")
        parts.append(part)
        data = stream.unused_data
    return b"".join(parts)


def _gzip(data: bytes, limit: int) -> bytes:
    return _inflate_zlib(data, limit, zlib.MAX_WBITS | 16)


def _deflate(data: bytes, limit: int) -> bytes:
    return _inflate_zlib(data, limit, zlib.MAX_WBITS)


def _zstd(data: bytes, limit: int) -> bytes:
    import zstandard

    reader: Any = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_reader(
        data, read_across_frames=True
    )
    try:
        with reader:
            out: bytes = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise BadEncodingError(str(error)) from error
    if len(out) > limit:
        raise BodyTooLargeError
    return out


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {"gzip": _gzip, "deflate": _deflate, "zstd": _zstd}
