from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck_ui.queries.runs import RunRow
from quarterdeck_ui.queries.store import Row, Store


@dataclass(frozen=True, slots=True)
class StepPayload:
    """Bulky values of the run's own span, or of one of its steps."""

    span_id: str
    is_step: bool
    values: Mapping[str, str]
    config: str


def step_payloads(store: Store, run: RunRow, limit: int) -> list[StepPayload]:
    """What went into a run and its steps and what came out, oldest first, of at most ``limit`` spans."""
    rows = store.ask("step_payloads", run=run.id, since=run.start_ns, until=run.end_ns, limit=limit)
    return [StepPayload(row["SpanId"], bool(row["IsStep"]), row["Payload"], row["Config"]) for row in rows]


def raw_span(store: Store, run_id: str, span_id: str) -> Row | None:
    """Everything that is stored of one span, or None if it has not arrived."""
    return next(iter(store.ask("raw_span", run=run_id, span=span_id)), None)
