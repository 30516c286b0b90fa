"""When the pieces of an answer leave, and how a stream breaks on request."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from quarterdeck_runner.demo.provider import tokens
from quarterdeck_runner.demo.provider.directives import Directives
from quarterdeck_runner.demo.provider.exchange import Piece


class CutError(Exception):
    """The connection is to be dropped here."""


class BrokenStreamError(Exception):
    """An error event is to be sent here."""


@dataclass(frozen=True)
class Pace:
    """Speed of an answer.

    Attributes:
        ttft: seconds before the first piece.
        per_piece: seconds before each further piece.
        per_token: seconds for each token of a piece.
    """

    ttft: float = 0.0
    per_piece: float = 0.0
    per_token: float = 0.0

    @classmethod
    def of(cls, asked: Directives, ttft: float, tokens_per_second: float) -> "Pace":
        """The pace that the directives ask for, else the given one."""
        if asked.any:
            return cls(asked.ttft or 0.0, asked.delay or 0.0)
        return cls(ttft, 0.0, 1.0 / tokens_per_second)

    def seconds(self, piece: Piece, first: bool) -> float:
        """How long to wait before ``piece``."""
        return (self.ttft if first else self.per_piece) + self.per_token * tokens.count(piece.text)


async def paced(pieces: Sequence[Piece], pace: Pace, asked: Directives) -> AsyncIterator[Piece]:
    """Give the pieces at their time.

    Raises:
        CutError: after as many pieces as ``[[cut:n]]`` says.
        BrokenStreamError: after as many pieces as ``[[sseerror:n]]`` says.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    for number, piece in enumerate(pieces):
        _break_at(number, asked)
        due += pace.seconds(piece, first=number == 0)
        if due > clock():
            await asyncio.sleep(due - clock())
        yield piece
    _break_at(len(pieces), asked, at_end=True)


async def wait_for_all(pieces: Sequence[Piece], pace: Pace) -> None:
    """Wait as long as streaming the pieces would take."""
    await asyncio.sleep(sum(pace.seconds(piece, first=number == 0) for number, piece in enumerate(pieces)))


def _break_at(number: int, asked: Directives, at_end: bool = False) -> None:
    def due(limit: int | None) -> bool:
        return limit is not None and (number == limit or (at_end and number < limit))

    if due(asked.cut):
        raise CutError
    if due(asked.stream_error):
        raise BrokenStreamError


class CuttableResponse(StreamingResponse):
    """A stream that ends without its last chunk when :class:`CutError` is raised: uvicorn then drops the connection."""

    async def stream_response(self, send: Send) -> None:
        """Send what there is; on a cut return at once."""
        try:
            await super().stream_response(send)
        except CutError:
            return


def cut_body(body: bytes, media_type: str) -> Response:
    """A response that promises ``body`` and breaks off in the middle of it."""

    async def half() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        raise CutError

    return CuttableResponse(half(), headers={"content-length": str(len(body))}, media_type=media_type)
