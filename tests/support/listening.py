"""A listener of ``GET /v1/live``, as a browser's EventSource is one."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from support.collectors import PATIENCE


@dataclass(frozen=True)
class Heard:
    """One dispatched event."""

    name: str
    data: dict[str, Any]


class Listener:
    """The events of one connection; ``last_id`` is what a browser would come back with.

    Args:
        lines: Lines of the response.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    def _frames(self) -> Iterator[Heard | None]:
        """Give what each blank line ends: an event, or None where there was only an id."""
        name, data, place = "", "", ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif field == "id":
                place = value
            elif not line:
                self.last_id = place or self.last_id
                if data:
                    yield Heard(name, json.loads(data))
                elif place:
                    yield None
                name, data, place = "", "", ""

    def __iter__(self) -> Iterator[Heard]:
        return (event for event in self._frames() if event is not None)

    def take(self, count: int) -> list[Heard]:
        """Give the next ``count`` events; fewer if the stream ends."""
        return list(itertools.islice(self, count))

    def past(self) -> list[Heard]:
        """Give the events that were missed; everything that is sent from now on will be heard."""
        return list(itertools.takewhile(lambda event: event is not None, self._frames()))  # type: ignore[arg-type]


@contextlib.contextmanager
def listening(url: str, last_id: str = "", **query: Any) -> Iterator[Listener]:
    """Listen until the block ends.

    Args:
        url: Base URL of the collector.
        last_id: Id to come back with.
        query: Filters.
    """
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with httpx.stream("GET", f"{url}/v1/live", params=query, headers=headers, timeout=PATIENCE) as response:
        assert response.status_code == 200, response.read()
        listener = Listener(response.iter_lines())
        if not last_id:
            assert listener.past() == []
        yield listener
