"""Model calls by when they were made, for choosing one."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quarterdeck_ui.queries.history import oldest_run
from quarterdeck_ui.queries.store import Row, Store

_HOUR_NS: Final = 3600 * 10**9
_DAY_NS: Final = 24 * _HOUR_NS
_BACK_NS: Final = 90 * _DAY_NS
_MOST_NS: Final = 16 * _DAY_NS
"""Longest time that is looked at at once."""

_FAST_S, _SLOW_S = 0.03, 0.05
_EVER_NS: Final = 4_290_000_000 * 10**9
"""Behind all calls, also those of a clock that is ahead: as far as the hours of the sort key go."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One model call without its payload; times in milliseconds, cost in USD."""

    at_ms: int
    run_id: str
    span_id: str
    pipeline: str
    step: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: float | None
    milliseconds: float
    failed: bool
    finish_reason: str


@dataclass(frozen=True, slots=True)
class CallsFound:
    """Calls that a search has found so far, newest first; it has looked at all since a time, nanoseconds."""

    rows: list[CallRow]
    since_ns: int


def search_calls(store: Store, now_ns: int, words: str = "", limit: int = 50) -> Iterator[CallsFound]:
    """Look for the newest calls further and further back, until there are enough; a look takes a moment.

    Args:
        store: ClickHouse.
        now_ns: The present; ninety days before it are looked at.
        words: What pipeline, step, model or an id holds, in whatever case; empty for all.
        limit: Most calls.

    Yields:
        What all looks so far have found.

    Raises:
        StoreError: ClickHouse is away.
    """
    end = max(oldest_run(store), now_ns - _BACK_NS)
    rows: list[CallRow] = []
    since, until, length = now_ns, _EVER_NS, _HOUR_NS
    while since > end and len(rows) < limit:
        since, began = max(end, since - length), time.monotonic()
        found = store.ask("recent_calls", since=since, until=until, needle=words, limit=limit - len(rows))
        rows, until = [*rows, *map(_call, found)], since
        length = _next(length, time.monotonic() - began)
        yield CallsFound(rows, since)


def _next(length: int, took: float) -> int:
    """Look at twice the time at once while that is fast, and at half of it when it is slow."""
    if took < _FAST_S:
        return min(2 * length, _MOST_NS)
    return max(length // 2, _HOUR_NS) if took > _SLOW_S else length


def call_by_id(store: Store, run_id: str, span_id: str) -> CallRow | None:
    """One call, or None if that span is no call or has not arrived.

    Raises:
        StoreError: ClickHouse is away.
    """
    return next(map(_call, store.ask("call_by_id", run=run_id, span=span_id)), None)


def _call(row: Row) -> CallRow:
    return CallRow(
        at_ms=row["AtMs"],
        run_id=row["RunId"],
        span_id=row["SpanId"],
        pipeline=row["PipelineName"],
        step=row["StepName"],
        model=row["Model"],
        tokens_in=row["InputTokens"],
        tokens_out=row["OutputTokens"],
        cost=row["Cost"],
        milliseconds=row["Milliseconds"],
        failed=bool(row["IsError"]),
        finish_reason=row["FinishReason"],
    )
