"""Bodies of Anthropic's answers, watched as they pass to whoever reads them."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, Protocol

from anthropic import _base_client as base_client

from quarterdeck.guard import guarded
from quarterdeck.providers.anthropic_messages import StreamReader, parts_of
from quarterdeck.providers.call import Parts

http: Final[Any] = getattr(base_client, "httpx2", None) or base_client.httpx  # type: ignore[attr-defined] # until 1.0
"""The HTTP library of the installed SDK."""


class Watcher(Protocol):
    """Learns what passes and how the reading ends; ``end`` may come more than once."""

    def feed(self, data: bytes) -> None:
        """Take in bytes that pass."""

    def end(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        """Take note of the end.

        Args:
            error: why the reading failed.
            whole: whether the body was read to its end.
        """


def is_stream(response: Any) -> bool:
    """Whether a response's body is server-sent events."""
    return "text/event-stream" in response.headers.get("content-type", "")


def encoding_of(response: Any) -> str:
    """How a response's body is compressed."""
    return str(response.headers.get("content-encoding", ""))


class JsonReader:
    """Read an answer that is one JSON document, which a caller of ``with_streaming_response`` reads when it likes."""

    def __init__(self, encoding: str = "") -> None:
        self._reader = StreamReader(encoding)
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Keep bytes; there are no pieces of content to tell."""
        self._kept += self._reader.decode(data)
        return iter(())

    @property
    def message(self) -> Mapping[str, Any]:
        """The answer, empty until it is whole."""
        with guarded("read an Anthropic answer"):
            try:
                answer = json.loads(self._kept)
            except ValueError:  # not read to its end
                return {}
            return answer if isinstance(answer, dict) else {}
        return {}

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped."""
        return self.message.get("stop_reason")

    def parts(self) -> Parts:
        """What was said."""
        return parts_of(self.message.get("content"))

    stopped = True
    error: Mapping[str, Any] | None = None


def reader_for(response: Any) -> StreamReader | JsonReader:
    """What reads a response's body."""
    return (StreamReader if is_stream(response) else JsonReader)(encoding_of(response))


def watch(response: Any, watcher: Watcher) -> None:
    """Let ``watcher`` see the body of a response while it is read."""
    sync = isinstance(response.stream, http.SyncByteStream)
    response.stream = (_Tee if sync else _AsyncTee)(response.stream, watcher)


class _Tee(http.SyncByteStream):  # type: ignore[misc] # of the HTTP library that is there
    """The body of a response, watched as it passes."""

    def __init__(self, inner: Any, watcher: Watcher) -> None:
        self._inner = inner
        self._watcher = watcher

    def __iter__(self) -> Iterator[bytes]:
        try:
            for data in self._inner:
                self._watcher.feed(data)
                yield data
        except BaseException as error:
            self._watcher.end(error)
            raise
        self._watcher.end(whole=True)

    def close(self) -> None:
        self._watcher.end()
        self._inner.close()

    def __del__(self) -> None:
        self._watcher.end()


class _AsyncTee(http.AsyncByteStream):  # type: ignore[misc] # as above
    """As above, for asynchronous clients."""

    def __init__(self, inner: Any, watcher: Watcher) -> None:
        self._inner = inner
        self._watcher = watcher

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._inner:
                self._watcher.feed(data)
                yield data
        except BaseException as error:
            self._watcher.end(error)
            raise
        self._watcher.end(whole=True)

    async def aclose(self) -> None:
        self._watcher.end()
        await self._inner.aclose()

    def __del__(self) -> None:
        self._watcher.end()
