"""What is written where: lines for people, or JSON for programs."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Final, TextIO

from quarterdeck_console.clickhouse import Row
from quarterdeck_console.tail.narrator import Line, Narrator, nanoseconds
from quarterdeck_console.tail.paint import Paint
from quarterdeck_console.tail.stream import Event
from quarterdeck_console.tail.summaries import summary
from quarterdeck_console.text import line

_NAME: Final = 24
_SHORT: Final = 8
"""The end of a run's id: ids that sort by time begin alike."""
_SUMMARY: Final = "run:summary"


class Screen:
    """Shows events and summaries in the order of time, as far as they come in it.

    Args:
        narrator: makes lines of events.
        paint: colours.
        as_json: whether to write JSON instead, a line for each event.
        out: where to.
    """

    def __init__(self, narrator: Narrator, paint: Paint, *, as_json: bool, out: TextIO | None = None) -> None:
        self._narrator = narrator
        self._paint = paint
        self._json = as_json
        self._out = out or sys.stdout
        self._held: deque[Row] = deque()

    def hold(self, rows: Iterable[Row]) -> None:
        """Keep summaries of the past until the events before them have been shown."""
        self._held.extend(rows)

    def release(self, until_ns: int | None = None) -> None:
        """Show what is held, up to a time or all of it."""
        while self._held and (until_ns is None or self._held[0]["ended_ns"] <= until_ns):
            self.summary(self._held.popleft())

    def event(self, event: Event) -> None:
        """Show an event."""
        if self._held:
            self.release(nanoseconds(event.data.get("Timestamp", "")))
        lines = list(self._narrator.tell(event))  # also for JSON: it remembers which runs are open
        if self._json:
            self._write(json.dumps({"event": event.name, **event.data}, ensure_ascii=False))
        else:
            self.lines(lines)

    def summary(self, row: Row) -> None:
        """Show what a run that ended used and cost."""
        if self._json:
            self._write(json.dumps({"event": _SUMMARY, **row}, ensure_ascii=False))
        else:
            self.lines([summary(row)])

    def lines(self, lines: Iterable[Line]) -> None:
        """Show lines; they are no events, so JSON has none for them."""
        if not self._json:
            for each in lines:
                self._write(self._formatted(each))

    def _formatted(self, each: Line) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(each.at_ns / 1e9)) if each.at_ns else " " * 8
        name = f"{line(each.pipeline, _NAME):<{_NAME}}" if each.pipeline else " " * _NAME
        short = f"{line(each.run[-_SHORT:], _SHORT):<{_SHORT}}"
        head = f"{self._paint(clock, 'dim')} {self._paint.of(each.run, f'{short} {name}')}"
        text = f"{'  ' * each.depth}{self._paint(each.text, each.style)}"
        below = "".join(f"\n{'  ' * each.depth}    │ {row}" for row in each.below.splitlines())
        return f"{head} {text}{below}"

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
