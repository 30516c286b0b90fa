"""What one request may hold: checked before it is parsed, and span by span afterwards without sinking the others."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from quarterdeck import semconv
from quarterdeck_collector.receive import otlp
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind

MOST_SMALL_PARTS: Final = 2_000_000
"""Parts of a few bytes in one request: parsed, each takes up to a hundred times as much memory."""

_SHORT: Final = bytes(range(16))
_WINDOW: Final = 512
_WINDOWS: Final = 64
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_NO_TRACE: Final = bytes(_TRACE_ID_BYTES)
_NO_SPAN: Final = bytes(_SPAN_ID_BYTES)
_SMALLEST_PART: Final = 2
_COUNTED: Final = {TRACES: ("attributes", "events", "links"), LOGS: ("attributes",), METRICS: ("attributes",)}
_TIMES: Final = {
    TRACES: ("start_time_unix_nano",),
    LOGS: ("time_unix_nano", "observed_time_unix_nano"),
    METRICS: ("time_unix_nano",),
}
_DAY: Final = 86_400 * 10**9


class TooMuchError(Exception):
    """The request holds more than one request may."""


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Args:
        items: Spans, records or data points in a request.
        attributes: Attributes of a span, record or data point.
        events: Events of a span.
        links: Links of a span.
        age_days: Days since a span, record or data point; every day takes a partition in each table.
    """

    items: int
    attributes: int
    events: int
    links: int
    age_days: int


@dataclass(frozen=True)
class Admitted:
    """A parsed request without what may not be kept.

    Args:
        message: What is left.
        body: Its protobuf bytes.
        items: Spans, records or data points in it.
        rejected: How many were taken out.
        reason: Why, for the sender; empty if none were.
    """

    message: Any
    body: bytes
    items: int
    rejected: int = 0
    reason: str = ""


def admit(kind: Kind, body: bytes, media: str, limits: Limits) -> Admitted:
    """Parse a request and take out the spans, records or data points that no request may hold.

    Args:
        kind: Its signal.
        body: Decompressed body.
        media: :data:`otlp.PROTOBUF` or :data:`otlp.JSON`.
        limits: How much is taken.

    Raises:
        TooMuchError: If the request as a whole holds too much.
        otlp.BadRequestError: If it cannot be parsed.
    """
    if _small_parts(body, media) > MOST_SMALL_PARTS:
        raise TooMuchError(f"the request holds more than about {MOST_SMALL_PARTS} parts; send smaller batches")
    message, body = otlp.parse(kind, body, media)
    items = kind.count(message)
    if items > limits.items:
        names = kind.rejected.removeprefix("rejected_").replace("_", " ")
        raise TooMuchError(f"{items} {names} in one request; send at most {limits.items} (--max-items)")
    reasons = _take_out(kind, message, len(body), limits)
    if not reasons:
        return Admitted(message, body, items)
    rejected = sum(reasons.values())
    reason = "; ".join(f"{count} {why}" for why, count in reasons.items())
    return Admitted(message, message.SerializeToString(), items - rejected, rejected, f"not kept: {reason}")


def _small_parts(body: bytes, media: str) -> int:
    """Estimate, from a sample, how many parts of a request are so short that their length is a byte below 16."""
    if len(body) <= MOST_SMALL_PARTS:
        return 0
    if media == otlp.JSON:
        return body.count(b"{")
    starts = (random.randrange(len(body) - _WINDOW) for _ in range(_WINDOWS))  # noqa: S311 - a sample, no secret
    sample = b"".join(body[start : start + _WINDOW] for start in starts)
    short = len(sample) - len(sample.translate(None, _SHORT))
    return short * len(body) // len(sample)


def _take_out(kind: Kind, message: Any, size: int, limits: Limits) -> Counter[str]:
    """Remove what is over a limit or not valid, and count the reasons."""
    reasons: Counter[str] = Counter()
    most = {"attributes": limits.attributes, "events": limits.events, "links": limits.links}
    countable = {name: most[name] for name in _COUNTED[kind] if size > most[name] * _SMALLEST_PART}
    undated = f"from more than {limits.age_days} days ago (--max-age-days) or from the future"
    for scope, held in _lists(kind, message):
        items = list(held)
        wrong = _too_large(items, countable)
        if scope != semconv.LIVE_SCOPE:  # live events are not kept by day
            wrong |= dict.fromkeys(_badly_dated(items, _TIMES[kind], limits.age_days), undated)
        if kind is TRACES:
            wrong |= dict.fromkeys(_without_ids(items), "without a valid trace id and span id")
        for at in sorted(wrong, reverse=True):
            del held[at]
        reasons.update(wrong.values())
    return reasons


def _lists(kind: Kind, message: Any) -> Iterator[tuple[str, Any]]:
    """Give every list of spans, records or data points, and the scope that it is from."""
    for scoped in kind.scopes(message):
        if kind is METRICS:
            yield from ((scoped.scope.name, otlp.data_points(metric)) for metric in scoped.metrics)
        else:
            yield scoped.scope.name, getattr(scoped, kind.levels[-1])


# Every request passes through the next three. Their loops run inside map, which takes half the time of a for.


def _too_large(items: Sequence[Any], countable: Mapping[str, int]) -> dict[int, str]:
    wrong: dict[int, str] = {}
    for name, most in countable.items():
        part = attrgetter(name)
        if max(map(len, map(part, items)), default=0) > most:
            why = f"with more than {most} {name} (--max-{name})"
            wrong |= {at: why for at, item in enumerate(items) if len(part(item)) > most}
    return wrong


def _badly_dated(items: Sequence[Any], names: tuple[str, ...], age_days: int) -> Iterable[int]:
    now = time.time_ns()
    earliest, latest = now - age_days * _DAY, now + _DAY
    times = [[*map(attrgetter(name), items)] for name in names]
    if not items or all(min(some) >= earliest and max(some) <= latest for some in times):
        return ()
    # The first that is given counts; without any, it belongs to the day before all others.
    first = (next(filter(None, some), earliest) for some in zip(*times, strict=True))
    return [at for at, when in enumerate(first) if not earliest <= when <= latest]


def _without_ids(spans: Sequence[Any]) -> Iterable[int]:
    traces, ids = ([*map(attrgetter(name), spans)] for name in ("trace_id", "span_id"))
    whole = {*map(len, traces)} <= {_TRACE_ID_BYTES} and {*map(len, ids)} <= {_SPAN_ID_BYTES}
    if whole and _NO_TRACE not in traces and _NO_SPAN not in ids:
        return ()
    return [
        at
        for at, (trace, one) in enumerate(zip(traces, ids, strict=True))
        if (len(trace), len(one)) != (_TRACE_ID_BYTES, _SPAN_ID_BYTES) or trace == _NO_TRACE or one == _NO_SPAN
    ]
