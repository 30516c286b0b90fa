"""Runs of any age by what a reader remembers of them, newest first, looked for further and further back."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from quarterdeck_ui.queries.runs import RunRow, runs_by_id
from quarterdeck_ui.queries.store import Store

_HOUR_NS: Final = 3600 * 10**9
_DAY_NS: Final = 24 * _HOUR_NS
_MOST_DAYS: Final = 16
_FAST_S, _SLOW_S = 0.02, 0.045

Place = tuple[int, str]
"""Where a run stands in the order of all: when it began, nanoseconds, and its id."""


@dataclass(frozen=True, slots=True)
class RunSearch:
    """Which runs are wanted; what is empty, or a bound that is below 0, fits all.

    Args:
        words: Each is found in the id, pipeline, version, error, service, environment or a model, in whatever case.
        statuses: Statuses of finished runs; an empty text stands for all runs that are not finished.
        pipeline: Part of its name.
        model: Part of the name of a model that it called.
        cost_from: USD at least; a run without a known price costs nothing known.
        cost_to: USD at most, all calls priced.
        seconds_from: Duration at least.
        seconds_to: Duration at most.
        environment: Its deployment environment.
        service: Its service.
    """

    words: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    pipeline: str = ""
    model: str = ""
    cost_from: float = -1.0
    cost_to: float = -1.0
    seconds_from: float = -1.0
    seconds_to: float = -1.0
    environment: str = ""
    service: str = ""

    def parameters(self) -> dict[str, Any]:
        """Values of the places in ``history.sql``."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = RunSearch(environment=self.environment, service=self.service)
        return values | {"searching": self != plain}


@dataclass(frozen=True, slots=True)
class Found:
    """What one look back has found: runs, newest first, down to a time; where to go on, or None at the end."""

    rows: list[RunRow]
    since_ns: int
    next: Place | None


def oldest_run(store: Store) -> int:
    """Begin of the first day on which a run is known, nanoseconds; 0 without runs."""
    return next((int(row["Oldest"]) * 10**9 for row in store.ask("oldest_run")), 0)


def search_runs(store: Store, wanted: RunSearch, behind: Place, since_ns: int, limit: int) -> Iterator[Found]:
    """Look for runs further and further back, until there are enough or no more; a look takes a moment.

    Args:
        store: ClickHouse.
        wanted: Which runs.
        behind: Place in the order of all runs behind which to begin.
        since_ns: Not older than this, nanoseconds.
        limit: Most runs.

    Yields:
        What each look has found.

    Raises:
        StoreError: ClickHouse is away.
    """
    (until, after), days = behind, 0
    oldest = oldest_run(store)
    end = max(since_ns, oldest, _DAY_NS)  # rows are also looked for on the day before
    while oldest and limit > 0 and until >= end:
        since, began = max(end, _back(min(until, time.time_ns()), days)), time.monotonic()
        hits = store.ask("history", since=since, until=until, after=after, limit=limit, **wanted.parameters())
        rows = [row for row in runs_by_id(store, [hit["RunId"] for hit in hits], since) if row.start_ns >= since]
        limit -= len(rows)
        if len(hits) == limit + len(rows):  # there may be more of this time
            last = hits[-1]
            until, after = last["StartNs"], last["RunId"]
        else:
            until, after = since - 1, ""
        days = _further(days, time.monotonic() - began)
        yield Found(rows, until, (until, after) if until >= end else None)


def _back(until: int, days: int) -> int:
    """The begin of the days that end at a time, nanoseconds; an hour before it at first, where most pages are full.

    Rows are sorted by day: a part of a day takes as long as all of it.
    """
    return (until // _DAY_NS + 1 - days) * _DAY_NS if days else until - _HOUR_NS


def _further(days: int, took: float) -> int:
    """Look at more days at once while that is fast, and at fewer when it is slow."""
    if took < _FAST_S:
        return min(2 * days, _MOST_DAYS) or 1
    return max(days // 2, 1) if took > _SLOW_S else days or 1
