"""Log records, newest first, by what a reader wants to see of them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quarterdeck_ui.queries.store import Row, Store

LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal")
"""Ranges of four OpenTelemetry severity numbers each, in their order."""

_EVER_NS: Final = 10**20
_FIRST_NS: Final = 60 * 10**9
_WIDE_NS: Final = 4 * 3600 * 10**9
_FAST_S, _SLOW_S = 0.03, 0.4
_LATEST: Final = 2**63 - 1
_LAST_ID: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which records are wanted; what is empty fits all.

    Args:
        levels: Numbers into :data:`LEVELS`.
        pipeline: Its name.
        run: Its id.
        step: Its name.
        text: Found in the body or in an attribute, in whatever case.
        pattern: Regular expression (RE2) found in the body.
    """

    levels: tuple[int, ...] = ()
    pipeline: str = ""
    run: str = ""
    step: str = ""
    text: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record; ``id`` tells records of one nanosecond apart."""

    time_ns: int
    id: int
    severity: int
    service: str
    pipeline: str
    step: str
    run_id: str
    span_id: str
    event: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, int]:
        """Place in the order of all records."""
        return self.time_ns, self.id


def log_looks(
    store: Store, wanted: LogFilter, limit: int, *, since_ns: int = 0, before: tuple[int, int] = (_LATEST, _LAST_ID)
) -> Iterator[list[LogLine]]:
    """Look for records that fit further and further back, until there are enough or no more; a look takes a moment.

    Args:
        store: ClickHouse.
        wanted: Filter.
        limit: At most so many.
        since_ns: Not older than this, nanoseconds since the epoch.
        before: Older than the record with this key.

    Yields:
        What each look has found, oldest first; all of it is older than what came before.

    Raises:
        StoreError: ClickHouse is away, or refuses the regular expression.
    """
    (to_ns, to_id), width = before, _EVER_NS if wanted.run else _FIRST_NS  # there is an index of runs
    end = since_ns
    while limit > 0 and to_ns >= end:
        began = time.monotonic()
        since = max(end, 0, min(to_ns, time.time_ns()) - width)
        rows = store.ask("logs", from_ns=since, to_ns=to_ns, to_id=to_id, limit=limit, **asdict(wanted))
        yield [_line(row) for row in reversed(rows)]
        limit -= len(rows)
        if limit > 0 and since > end == since_ns:
            end = max(end, _oldest(store))
        (to_ns, to_id), width = (since - 1, _LAST_ID), _further(width, time.monotonic() - began)


def log_lines(store: Store, wanted: LogFilter, limit: int, **bounds: Any) -> list[LogLine]:
    """Newest records that fit, oldest of them first: all that :func:`log_looks` finds with the same arguments."""
    looks = list(log_looks(store, wanted, limit, **bounds))
    return [line for look in reversed(looks) for line in look]


def _oldest(store: Store) -> int:
    """When the oldest record was written, nanoseconds; without any, later than everything."""
    return next((int(row["OldestNs"]) for row in store.ask("oldest_log")), _LATEST)


def _further(width: int, took: float) -> int:
    """Look at more time at once while that is fast, and at less when it is slow."""
    if took < (_FAST_S if width >= _WIDE_NS else _SLOW_S):
        return width * 4
    return max(width // 2, min(width, _WIDE_NS)) if took > _SLOW_S else width


def _line(row: Row) -> LogLine:
    return LogLine(
        time_ns=row["TimeNs"],
        id=row["Id"],
        severity=row["Severity"],
        service=row["ServiceName"],
        pipeline=row["PipelineName"],
        step=row["StepName"],
        run_id=row["RunId"],
        span_id=row["SpanId"],
        event=row["EventName"],
        body=row["Body"],
        attributes=row["LogAttributes"],
    )
