import math
from dataclasses import dataclass

from quarterdeck_ui.queries.store import Row, Store

WINDOW_S = 900
"""How far back the charts look."""

BUCKET_S = 15
"""Width of one point of a chart."""


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """Model calls of one model that ended within one interval; cost in USD."""

    at: int
    model: str
    calls: int
    errors: int
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Latency and time to first chunk of the calls that ended within one interval, seconds."""

    at: int
    p50: float
    p95: float
    first_p50: float | None
    first_p95: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency and time to first chunk of all calls of the window, seconds; None without such calls."""

    p50: float | None = None
    p95: float | None = None
    first_p50: float | None = None
    first_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """The last :data:`WINDOW_S` seconds in steps of :data:`BUCKET_S`; an interval without calls has no point."""

    window: int = WINDOW_S
    bucket: int = BUCKET_S
    models: tuple[ModelPoint, ...] = ()
    latency: tuple[LatencyPoint, ...] = ()
    overall: Latency = Latency()


def performance(store: Store, window: int = WINDOW_S, bucket: int = BUCKET_S) -> Performance:
    """Tokens, cost, errors and latency of the last ``window`` seconds."""
    models = tuple(
        ModelPoint(
            row["Bucket"], row["Model"], row["Calls"], row["Errors"], int(row["Tokens"]), float(row["CostUsd"] or 0)
        )
        for row in store.ask("calls_by_model", window=window, bucket=bucket)
    )
    latency, overall = _latency(store.ask("latency", window=window, bucket=bucket))
    return Performance(window, bucket, models, latency, overall)


def _latency(rows: list[Row]) -> tuple[tuple[LatencyPoint, ...], Latency]:
    points, overall = [], Latency()
    for row in rows:
        first = _known(row["FirstP50"]), _known(row["FirstP95"])
        if row["IsWhole"]:
            overall = Latency(_known(row["P50"]), _known(row["P95"]), *first)
        else:
            points.append(LatencyPoint(row["Bucket"], row["P50"], row["P95"], *first))
    return tuple(points), overall


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
