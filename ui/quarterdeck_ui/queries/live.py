from collections.abc import Mapping
from dataclasses import dataclass, field

from quarterdeck import semconv
from quarterdeck_ui.queries.store import Row, Store

ENDED = (semconv.EVENT_PIPELINE_COMPLETED, semconv.EVENT_PIPELINE_ERROR)
"""Events after which a run sends nothing more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One live event as the collector stored it; times in nanoseconds since the epoch."""

    position: int
    time_ns: int
    name: str
    run_id: str
    span_id: str
    pipeline: str = ""
    trace_id: str = ""
    parent_id: str = ""
    span_name: str = ""
    start_ns: int = 0
    step_id: str = ""
    step_name: str = ""
    sequence: int = 0
    text: str = ""
    stand_in: bool = False
    service: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def events_after(store: Store, position: int) -> list[Event]:
    """Events that the collector took in after ``position`` (nanoseconds), oldest first."""
    return [_event(row) for row in store.ask("live_after", after=max(position, 0))]


def bootstrap_events(store: Store, heard_ns: int) -> list[Event]:
    """Events of the open runs and of the last minutes, oldest first.

    Args:
        store: ClickHouse.
        heard_ns: An open run of which the collector heard nothing since then (nanoseconds) is left out.
    """
    parameters = {"heard": max(heard_ns, 0), "ended": ENDED, "heartbeat": semconv.EVENT_HEARTBEAT}
    return [_event(row) for row in store.ask("live_bootstrap", **parameters)]


def _event(row: Row) -> Event:
    return Event(
        position=row["Position"],
        time_ns=row["TimestampNs"],
        name=row["EventName"],
        run_id=row["RunId"],
        span_id=row["SpanId"],
        pipeline=row["PipelineName"],
        trace_id=row["TraceId"],
        parent_id=row["ParentSpanId"],
        span_name=row["SpanName"],
        start_ns=row["StartNs"],
        step_id=row["StepId"],
        step_name=row["StepName"],
        sequence=row["Sequence"],
        text=row["Text"],
        stand_in=bool(row["StandIn"]),
        service=row["ServiceName"],
        attributes=row["Attributes"],
    )
