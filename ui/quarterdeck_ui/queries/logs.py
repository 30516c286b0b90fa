"""Log records, newest first, by what a reader wants to see of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quarterdeck_ui.queries.store import Row, Store

LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal")
"""Ranges of four OpenTelemetry severity numbers each, in their order."""

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


def log_lines(
    store: Store, wanted: LogFilter, limit: int, *, since_ns: int = 0, before: tuple[int, int] = (_LATEST, _LAST_ID)
) -> list[LogLine]:
    """Newest records that fit, oldest of them first.

    Args:
        store: ClickHouse.
        wanted: Filter.
        limit: At most so many.
        since_ns: Not older than this, nanoseconds since the epoch.
        before: Older than the record with this key.

    Raises:
        StoreError: ClickHouse is away, or refuses the regular expression.
    """
    to_ns, to_id = before
    rows = store.ask("logs", from_ns=since_ns, to_ns=to_ns, to_id=to_id, limit=limit, **_parameters(wanted))
    return [_line(row) for row in reversed(rows)]


def _parameters(wanted: LogFilter) -> dict[str, Any]:
    return asdict(wanted)


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
