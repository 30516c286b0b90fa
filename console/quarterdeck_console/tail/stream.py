"""The collector's live events, from where one was on: connects again by itself."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from quarterdeck_console.web import REFUSED, AwayError, Web, cause

SILENCE_S: Final = 45.0
"""Silence after which a connection is taken for dead: the collector speaks every 15 seconds."""

_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0)


class FilterError(Exception):
    """The collector refuses what was asked for; the message says why."""


@dataclass(frozen=True)
class Event:
    """One event.

    Args:
        name: on the stream, such as ``step:started``; empty where only the place is told.
        data: what it carries.
    """

    name: str
    data: dict[str, Any]


NOW: Final = Event("", {})
"""Everything before this moment has been told."""


class Stream:
    """Events as they arrive.

    Args:
        web: the collector.
        query: filters, as pairs of name and value.
        last_id: id or time (nanoseconds) behind which to begin; empty for now.
        notify: told when the connection goes and comes back.
        sleep: waits seconds.
    """

    def __init__(
        self,
        web: Web,
        query: Sequence[tuple[str, str]],
        last_id: str,
        notify: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._web = web
        self._query = list(query)
        self._last_id = last_id
        self._notify = notify
        self._sleep = sleep
        self._failures = 0
        self._steady_since = 0.0
        self.place = web.place

    def once(self) -> Iterator[Event]:
        """Give the events of one connection.

        Raises:
            AwayError: the collector does not answer, or the connection ends.
            DeniedError: it wants another token.
            FilterError: it refuses a filter.
        """
        headers = {"accept": "text/event-stream", **({"last-event-id": self._last_id} if self._last_id else {})}
        answer = self._web.send("GET", "/v1/live", params=self._query, headers=headers)
        with answer:
            if answer.status_code == REFUSED:
                raise FilterError(_reason(answer))
            if answer.status_code > REFUSED:
                raise AwayError(f"{self._web.place} answers {answer.status_code}: {_reason(answer)}")
            self._connected()
            try:
                yield from self._events(_lines(answer))
            except (requests.RequestException, OSError) as error:
                raise AwayError(f"the connection to {self._web.place} broke ({cause(error)})") from error
        raise AwayError(f"{self._web.place} closed the connection")

    def always(self) -> Iterator[Event]:
        """Give events for ever, across all that :meth:`once` ends with but a refusal; raises that one."""
        while True:
            try:
                yield from self.once()
            except AwayError as error:
                self._steady_since = 0.0
                if not self._failures:
                    self._notify(str(error))
                self._sleep(_PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)])
                self._failures += 1

    @property
    def steady_s(self) -> float:
        """Seconds that the connection has lasted; 0 without one."""
        return time.monotonic() - self._steady_since if self._steady_since else 0.0

    def _connected(self) -> None:
        self._steady_since = time.monotonic()
        if self._failures:
            self._failures = 0
            self._notify("")

    def _events(self, lines: Iterator[str]) -> Iterator[Event]:
        name, data, place = "", "", ""
        for text in lines:
            field, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data += value
            elif field == "id":
                place = value
            elif not text:
                self._last_id = place or self._last_id
                if data:
                    yield Event(name, json.loads(data))
                elif place:
                    yield NOW
                name, data, place = "", "", ""


def _lines(answer: requests.Response) -> Iterator[str]:
    """Give lines as soon as they are whole."""
    held = b""
    for piece in answer.iter_content(None):
        *whole, held = (held + piece).split(b"\n")
        for each in whole:
            yield each.decode(errors="replace").removesuffix("\r")


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:300] or str(answer.reason)
