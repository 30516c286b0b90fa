"""New log records as they reach ClickHouse: one question a beat for all screens that look with the same filter."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from quarterdeck_ui.queries import LogFilter, LogLine, Store, StoreError, log_lines

BEAT_S: Final = 0.7
"""Seconds between two questions."""

MOST_AT_ONCE: Final = 5000
"""Records of one question; more are left out, and the screen says so."""

_RETRY_S: Final = 2.0
_LATE_NS: Final = 15_000_000_000
"""Records reach ClickHouse out of order: those of a few seconds are asked for again."""

_BACKLOG: Final = 50


@dataclass(frozen=True, slots=True)
class News:
    """What one question found: new lines, oldest first; whether some were left out; or why there was no answer."""

    lines: tuple[LogLine, ...] = ()
    gap: bool = False
    problem: str = ""


@dataclass
class _Tail:
    readers: set["asyncio.Queue[News]"] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None


class LogTails:
    """The tails that somebody follows.

    Args:
        store: ClickHouse.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tails: dict[LogFilter, _Tail] = {}

    @contextlib.asynccontextmanager
    async def follow(self, wanted: LogFilter) -> AsyncIterator["asyncio.Queue[News]"]:
        """Give a queue that fills with news while the block runs.

        A reader who does not empty it loses the oldest news; records of the last seconds may come once more.
        """
        tail = self._tails.setdefault(wanted, _Tail())
        mine: asyncio.Queue[News] = asyncio.Queue(_BACKLOG)
        tail.readers.add(mine)
        if tail.task is None:
            tail.task = asyncio.create_task(self._watch(wanted, tail))
        try:
            yield mine
        finally:
            tail.readers.discard(mine)
            if not tail.readers and self._tails.get(wanted) is tail:
                del self._tails[wanted]
                tail.task.cancel()

    async def _watch(self, wanted: LogFilter, tail: _Tail) -> None:
        known: dict[tuple[int, int], None] = {}
        newest, told = time.time_ns(), ""
        while True:
            since = newest - _LATE_NS
            try:
                lines = await asyncio.to_thread(log_lines, self._store, wanted, MOST_AT_ONCE, since_ns=since)
            except StoreError as error:
                if str(error) != told:
                    told = str(error)
                    _tell(tail, News(problem=told))
                await asyncio.sleep(_RETRY_S)
                continue
            fresh = tuple(line for line in lines if line.key not in known)
            if fresh or told:
                told = ""
                _tell(tail, News(fresh, gap=len(fresh) == MOST_AT_ONCE))
            newest = max([newest, *(line.time_ns for line in fresh)])
            known = {key: None for key in known if key[0] >= newest - _LATE_NS} | {line.key: None for line in fresh}
            await asyncio.sleep(BEAT_S)


def _tell(tail: _Tail, news: News) -> None:
    for reader in tail.readers:
        if reader.full():
            reader.get_nowait()
        reader.put_nowait(news)
