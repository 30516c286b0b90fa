import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from quarterdeck_ui.queries.store import Row, Store

WINDOW_S: Final = 900
"""How far back the charts look unless they are asked for a range."""

_NS: Final = 10**9
_POINTS: Final = 104
"""Most points of a chart."""

_WIDTHS: Final = (15, 60, 300, 900, 3600, 7200, 14_400, 28_800, 86_400, 604_800)
"""Seconds that an interval may have, shortest first."""

_FROM_SUMS: Final = 900
_FROM_HOURS: Final = 3600
"""Intervals of at least so many seconds are made from the sums by minute, and by hour."""

_STEPS: Final = 4
"""Steps of a histogram to each doubling, as in ``latency.sql``."""


@dataclass(frozen=True, slots=True)
class ChartRange:
    """What charts show: calls of a time, nanoseconds since the epoch, of an environment and a service or of any."""

    since_ns: int
    until_ns: int
    environment: str = ""
    service: str = ""

    @property
    def bucket(self) -> int:
        """Width of one point, seconds."""
        length = (self.until_ns - self.since_ns) / _NS
        return next((width for width in _WIDTHS if length / width <= _POINTS), _WIDTHS[-1])

    def parameters(self) -> dict[str, Any]:
        """Values of the places that every question about a range has."""
        places = {"environment": self.environment, "service": self.service}
        return {"since": self.since_ns, "until": self.until_ns, **places}


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """Model calls of one model that ended within one interval; cost in USD."""

    at: int
    model: str
    calls: int
    errors: int
    tokens_in: int
    tokens_out: int
    cost: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency and time to first chunk of calls, seconds; None without such calls."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    first_p50: float | None = None
    first_p95: float | None = None
    first_p99: float | None = None


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """The same of the calls of one interval."""

    at: int
    took: Latency


@dataclass(frozen=True, slots=True)
class Performance:
    """Model calls of a range in steps of ``bucket`` seconds; an interval without calls has no point.

    The histogram holds for each span of latency, seconds, how many calls took so long.
    """

    since: float = 0.0
    until: float = 0.0
    bucket: int = _WIDTHS[0]
    models: tuple[ModelPoint, ...] = ()
    latency: tuple[LatencyPoint, ...] = ()
    overall: Latency = Latency()
    histogram: tuple[tuple[float, float, float], ...] = ()


def performance(store: Store, asked: ChartRange) -> Performance:
    """Tokens, cost, errors and latency of a range."""
    bucket, ending = asked.bucket, ""
    more: dict[str, str] = {}
    if bucket >= _FROM_SUMS:
        tables = ("llm_1h", "latency_1h") if bucket >= _FROM_HOURS else ("llm_1m", "llm_1m")
        ending, (more["sums"], more["latencies"]) = "_long", tables
    calls, latency = store.ask_together(
        [f"calls_by_model{ending}", f"latency{ending}"],
        bucket=bucket,
        **asked.parameters(),
        **more,
    )
    models = tuple(_model(row) for row in calls)
    points = tuple(LatencyPoint(row["Bucket"], _latency(row)) for row in latency if not row["IsWhole"])
    whole = next((row for row in latency if row["IsWhole"]), None)
    overall = _latency(whole) if whole and models else Latency()
    histogram = _histogram(whole) if whole and models else ()
    return Performance(asked.since_ns / _NS, asked.until_ns / _NS, bucket, models, points, overall, histogram)


def _model(row: Row) -> ModelPoint:
    return ModelPoint(
        row["Bucket"],
        row["Model"],
        row["Calls"],
        row["Errors"],
        int(row["TokensIn"]),
        int(row["TokensOut"]),
        float(row["CostUsd"] or 0),
    )


def _latency(row: Row) -> Latency:
    return Latency(*(None if value is None or math.isnan(value) else value for value in (*row["Took"], *row["First"])))


def _histogram(row: Row) -> tuple[tuple[float, float, float], ...]:
    steps = row["Steps"] if "Steps" in row else spread(row["Spread"], row["Calls"])
    return tuple((2 ** (step / _STEPS), 2 ** ((step + 1) / _STEPS), calls) for step, calls in sorted(steps.items()))


def spread(quantiles: list[float], calls: int) -> dict[int, float]:
    """Calls by step of a histogram, from quantiles of their latency: between two of them, an equal share of the calls.

    Args:
        quantiles: Latency, seconds, at equal distances from the least to the most.
        calls: Number of calls.
    """
    share = calls / (len(quantiles) - 1)
    found: defaultdict[int, float] = defaultdict(float)
    for low, high in pairwise(max(value, 1e-3) for value in quantiles):
        begin, end = _STEPS * math.log2(low), _STEPS * math.log2(high)
        for step in range(math.floor(begin), math.floor(end) + 1):
            part = 1.0 if end <= begin else (min(end, step + 1) - max(begin, step)) / (end - begin)
            found[step] += share * part
    return {step: round(part, 3) for step, part in found.items() if part > 0}
