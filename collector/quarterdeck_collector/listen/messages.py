"""One event on its way to listeners, and the place in the stream after it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Self

Row = dict[str, Any]

_NANOSECONDS: Final = 1_000_000_000
_ID: Final = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?", re.ASCII)


class CursorError(Exception):
    """An id that this stream never gave out."""


@dataclass(frozen=True)
class Cursor:
    """How far a listener is: Position of the last live event and of the last log entry that are behind it."""

    live: int
    log: int

    def __str__(self) -> str:
        return f"{self.live}-{self.log}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an event id; one number alone is a time, in nanoseconds since the epoch.

        Raises:
            CursorError: If it is neither.
        """
        found = _ID.fullmatch(text.strip())
        if found is None:
            raise CursorError(f"{text!r} is no event id of this stream; leave Last-Event-ID out to hear what is new")
        return cls(int(found[1]), int(found[2] or found[1]))


@dataclass(frozen=True)
class Message:
    """One event.

    Args:
        name: Name on the stream.
        data: What is sent as JSON.
        run: Run id it belongs to.
        pipeline: Pipeline name it belongs to.
        severity: Severity number of a log entry; None for others.
        cursor: How far a listener is who has heard it; None leaves that as it was.
    """

    name: str
    data: Row
    run: str = ""
    pipeline: str = ""
    severity: int | None = None
    cursor: Cursor | None = None

    @cached_property
    def frame(self) -> bytes:
        """The event as ``text/event-stream``, made once for all listeners."""
        place = f"id: {self.cursor}\n" if self.cursor else ""
        name = self.name.replace("\r", " ").replace("\n", " ")
        return f"{place}event: {name}\ndata: {json.dumps(self.data)}\n\n".encode()


def place(cursor: Cursor) -> bytes:
    """Tell a listener how far it is, without an event."""
    return f"id: {cursor}\n\n".encode()


def iso(nanoseconds: int) -> str:
    """Write a time as RFC 3339 in UTC, with nanoseconds."""
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
