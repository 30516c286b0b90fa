"""Sums over a range of time by a dimension: what pages of numbers are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from quarterdeck_ui.queries.performance import ChartRange
from quarterdeck_ui.queries.store import Store

CALL_DIMENSIONS: Final = ("pipeline", "step", "provider", "model", "service", "environment")
RUN_DIMENSIONS: Final = ("pipeline", "version", "service", "environment")
WITHIN: Final = " / "
"""Stands between a pipeline and its step or version."""

DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_NS: Final = 10**9
_FROM_MINUTES: Final = 2 * DAY_S
"""Ranges that are shorter, in seconds, are read from the sums by minute."""

_LIMIT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Measure:
    """Model calls of one part at one time; ``at`` is in seconds since the epoch, 0 for the whole range.

    Quantiles (50, 95, 99 %) are in seconds, not a number where nothing was measured or asked for; cost is in USD.
    """

    at: int
    part: str
    calls: int
    errors: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cost: float
    unpriced: int
    seconds: float
    took: list[float]
    first: list[float]

    @property
    def day(self) -> datetime:
        """The time as Python knows it (UTC)."""
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True, slots=True)
class RunMeasure:
    """Runs of one part that began at one time; quantiles (50, 95 %) in seconds."""

    at: int
    part: str
    runs: int
    failed: int
    cancelled: int
    took: list[float]


@dataclass(frozen=True, slots=True)
class BusyHour:
    """Model calls of one hour of one weekday (1: Monday), UTC."""

    weekday: int
    hour: int
    calls: int
    errors: int
    cost: float


@dataclass(frozen=True, slots=True)
class TagCost:
    """Runs whose spans carry a value of an attribute; cost in USD."""

    tag: str
    runs: int
    calls: int
    tokens: int
    cost: float
    unpriced: int


def measures(
    store: Store,
    asked: ChartRange,
    dimension: str = "",
    bucket: int = 0,
    only: Mapping[str, str] | None = None,
    *,
    quantiles: bool = False,
) -> list[Measure]:
    """Model calls by a dimension and, where ``bucket`` is given, by time.

    Args:
        store: ClickHouse.
        asked: Range, environment and service.
        dimension: One of :data:`CALL_DIMENSIONS`; empty for all calls together.
        bucket: Length of an interval, seconds; 0 for the whole range.
        only: Values that pipeline, step, provider or model must have.
        quantiles: Whether those are wanted too, which takes some ten times as long.

    Raises:
        StoreError: ClickHouse is away.
    """
    short = (asked.until_ns - asked.since_ns) / _NS < _FROM_MINUTES and bucket < _HOUR_S
    grain = 60 if short else _HOUR_S
    fits = dict.fromkeys(("pipeline", "step", "provider", "model"), "") | dict(only or {})
    rows = store.ask(
        "measures",
        dimension=dimension,
        bucket=bucket,
        sums="llm_1m" if short else "llm_1h",
        grain=grain,
        quantiles=quantiles,
        limit=_LIMIT,
        **asked.parameters(),
        **fits,
    )
    return [Measure(*row.values()) for row in rows]


def run_measures(
    store: Store, asked: ChartRange, dimension: str = "", bucket: int = 0, pipeline: str = ""
) -> list[RunMeasure]:
    """Runs that ended, by a dimension of :data:`RUN_DIMENSIONS` and by time, as :func:`measures` does for calls."""
    rows = store.ask(
        "run_measures", dimension=dimension, bucket=bucket, pipeline=pipeline, limit=_LIMIT, **asked.parameters()
    )
    return [RunMeasure(*row.values()) for row in rows]


def busy_hours(store: Store, asked: ChartRange) -> list[BusyHour]:
    """Model calls by weekday and hour."""
    return [BusyHour(*row.values()) for row in store.ask("busy_hours", **asked.parameters())]


def tag_names(store: Store, asked: ChartRange, limit: int = 30) -> list[str]:
    """Names of attributes that may serve as tags, of the last hours of a range."""
    since = max(asked.since_ns, asked.until_ns - 6 * _HOUR_S * _NS)
    return [row["Name"] for row in store.ask("tag_names", since=since, until=asked.until_ns, limit=limit)]


def tag_cost(store: Store, asked: ChartRange, tag: str, limit: int = 200) -> list[TagCost]:
    """What runs cost by the value of an attribute of their spans or of their resource."""
    return [TagCost(*row.values()) for row in store.ask("tag_cost", tag=tag, limit=limit, **asked.parameters())]
