from dataclasses import dataclass
from typing import Final

from quarterdeck_ui.queries.performance import ChartRange
from quarterdeck_ui.queries.store import Store

BEHIND: Final = ("tokens", "latency", "first", "cost", "errors", "calls")
"""What the runs behind a point can be ordered by."""

_NS: Final = 10**9


@dataclass(frozen=True, slots=True)
class RunBehind:
    """A run with model calls behind a point of a chart; times in seconds, cost in USD, None where unknown.

    ``span`` is the call that stands out most.
    """

    id: str
    pipeline: str
    span: str
    calls: int
    errors: int
    tokens: int
    cost: float | None
    longest: float
    longest_first: float | None


def runs_behind(
    store: Store, asked: ChartRange, by: str, took: tuple[float, float] = (0.0, 0.0), limit: int = 50
) -> list[RunBehind]:
    """The runs behind a point, those first that weigh most there.

    Args:
        store: ClickHouse.
        asked: Interval of the point.
        by: One of :data:`BEHIND`.
        took: Latency of the calls that count, seconds, from and below; 0 is no bound.
        limit: Most runs.
    """
    rows = store.ask(
        "runs_behind",
        since=asked.since_ns,
        until=asked.until_ns,
        environment=asked.environment,
        service=asked.service,
        by=by,
        longer=int(took[0] * _NS),
        shorter=int(took[1] * _NS),
        limit=limit,
    )
    return [
        RunBehind(
            row["RunId"],
            row["Pipeline"],
            row["Span"],
            row["Calls"],
            row["Errors"],
            int(row["Tokens"]),
            row["CostUsd"],
            row["Longest"],
            row["LongestFirst"],
        )
        for row in rows
    ]
