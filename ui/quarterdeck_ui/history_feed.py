"""Answers what a screen asks of runs of any age: a page at a time, saying meanwhile how far back it has looked."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from quarterdeck_ui import runs_view
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.queries import Found, RunSearch, Store, StoreError, search_runs
from quarterdeck_ui.queries.history import Place
from quarterdeck_ui.runs_view import RunView
from quarterdeck_ui.scope import Scope, mapping, number, scope_of

PAGE: Final = 60
"""Runs that a screen gets at once."""

_AHEAD_NS: Final = 86_400 * 10**9
_LONGEST: Final = 300
_MOST_WORDS: Final = 12
_ENDED: Final = frozenset({"completed", "failed", "cancelled"})

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


class HistoryDesk:
    """What one screen asks of the history; a new question ends the one before.

    Args:
        hub: Shared state.
        store: ClickHouse.
        send: Tells the screen.
        shown: Collects the runs that the screen gets from here.
    """

    def __init__(self, hub: Hub, store: Store, send: Send, shown: set[str]) -> None:
        self._hub, self._store, self._send, self._shown = hub, store, send, shown
        self._task: asyncio.Task[None] | None = None

    def ask(self, said: Mapping[str, Any]) -> None:
        """Begin to answer a question: a ``search`` within a scope, ``before`` a place in the order of all runs."""
        self.stop()
        self._task = asyncio.create_task(self._answer(said))

    def stop(self) -> None:
        """Answer no more."""
        if self._task is not None:
            self._task.cancel()

    async def _answer(self, said: Mapping[str, Any]) -> None:
        scope, asked = scope_of(said), mapping(said.get("search"))
        since_ns, until_ns = scope.bounds(time.time_ns())
        behind = self._behind(said, until_ns or time.time_ns() + _AHEAD_NS)
        statuses = _statuses(asked)
        head: Message = {"type": "history", "number": said.get("number")}
        looks = search_runs(self._store, run_search(asked, scope), behind, since_ns, PAGE)
        with contextlib.suppress(RuntimeError):  # the screen left
            try:
                while (found := await asyncio.to_thread(next, looks, None)) is not None:
                    fresh = [run for run in self._views(found) if not statuses or run.status in statuses]
                    self._shown |= {run.id for run in fresh}
                    self._hub.offers_wanted |= {run.id for run in fresh if run.status in {"failed", "cancelled"}}
                    await self._send(head | _told(fresh, found))
            except StoreError as error:
                await self._send(head | {"done": True, "problem": str(error)})
                return
            await self._send(head | {"done": True, "problem": ""})

    def _behind(self, said: Mapping[str, Any], until_ns: int) -> Place:
        before = said.get("before")
        with contextlib.suppress(TypeError, ValueError):
            time_ns, run_id = before  # type: ignore[misc]  # a browser may say anything
            return min(int(time_ns), until_ns), str(run_id)[:_LONGEST]
        rows = self._hub.snapshot.rows
        if said.get("older") and rows:
            return min(rows[-1].start_ns, until_ns), rows[-1].id
        return until_ns, ""

    def _views(self, found: Found) -> Iterator[RunView]:
        now = self._hub.snapshot
        for row in found.rows:
            known = now.by_id.get(row.id)
            yield known or runs_view.view(
                row, now.live.get(row.id), now.controlled.get(row.id), now.usual, int(now.as_of * 1e9)
            )


def run_search(asked: Mapping[str, Any], scope: Scope) -> RunSearch:
    """Read a search from what a browser says; what makes no sense fits everything."""
    statuses = _statuses(asked)
    return RunSearch(
        words=tuple(_text(asked, "text").split()[:_MOST_WORDS]),
        statuses=tuple(sorted({status if status in _ENDED else "" for status in statuses})),
        pipeline=_text(asked, "pipeline"),
        model=_text(asked, "model"),
        cost_from=_bound(asked, "cost_from"),
        cost_to=_bound(asked, "cost_to"),
        seconds_from=_bound(asked, "seconds_from"),
        seconds_to=_bound(asked, "seconds_to"),
        environment=scope.environment,
        service=scope.service,
    )


def _statuses(asked: Mapping[str, Any]) -> frozenset[str]:
    found = asked.get("statuses")
    return frozenset(str(each) for each in found[:_MOST_WORDS]) if isinstance(found, list) else frozenset()


def _text(asked: Mapping[str, Any], name: str) -> str:
    return str(asked.get(name) or "").strip()[:_LONGEST]


def _bound(asked: Mapping[str, Any], name: str) -> float:
    found = number(asked.get(name))
    return -1.0 if found is None else found


def _told(runs: list[RunView], found: Found) -> Message:
    place = [str(found.next[0]), found.next[1]] if found.next else None  # too long for a number of the browser
    return {
        "runs": [runs_view.plain(run) for run in runs],
        "back_to": found.since_ns / 1e6,
        "next": place,
        "done": False,
    }
