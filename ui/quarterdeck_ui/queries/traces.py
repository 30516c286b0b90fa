from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck_ui.queries.store import Row, Store

SPAN_LIMIT = 5000
"""Most spans of one run that a screen takes; the reader is told when there are more."""

_TOKENS = ("InputTokens", "OutputTokens", "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens")
_NO_CALL: Row = {
    **dict.fromkeys(("Provider", "Model", "FinishReason"), ""),
    **dict.fromkeys(_TOKENS, 0),
    **dict.fromkeys(("Cost", "TimeToFirstChunk")),
}
"""What a span has used that is no model call."""


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span without its payload; times in nanoseconds, first chunk in seconds, cost in USD."""

    id: str
    parent_id: str
    name: str
    start_ns: int
    duration_ns: int
    failed: bool
    message: str
    operation: str
    provider: str
    model: str
    step_id: str
    step_name: str
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost: float | None
    first_chunk_s: float | None
    finish_reason: str
    error_type: str
    is_call: bool
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Payload:
    """The bulky values of a span, and its attributes."""

    values: Mapping[str, str]
    attributes: Mapping[str, str]
    finish_reason: str
    error_type: str
    message: str


def spans_of_run(store: Store, run_id: str, since_ns: int, until_ns: int) -> list[Span]:
    """Finished spans of a run, oldest first, at most :data:`SPAN_LIMIT`.

    Args:
        store: ClickHouse.
        run_id: Run.
        since_ns: Start of the run, nanoseconds.
        until_ns: Its end as far as it is known; of the table, only the hours around both are read.
    """
    questions = ("trace_spans", "trace_calls")
    spans, calls = store.ask_together(questions, run=run_id, since=since_ns, until=until_ns, limit=SPAN_LIMIT)
    by_span = {call["SpanId"]: call for call in calls}
    return [_span(row, by_span.get(row["SpanId"])) for row in spans]


def span_payload(store: Store, run_id: str, span_id: str) -> Payload | None:
    """Bulky values of one span, or None if the span has not arrived."""
    for row in store.ask("span_payload", run=run_id, span=span_id):
        return Payload(row["Payload"], row["Attributes"], row["FinishReason"], row["ErrorType"], row["StatusMessage"])
    return None


def call_of_step(store: Store, run_id: str, step: str, nth: int) -> str:
    """Id of the ``nth`` model call, from 0, of the steps of that name; empty if there is none."""
    for row in store.ask("call_of_step", run=run_id, step=step, nth=nth):
        return str(row["SpanId"])
    return ""


def earlier_run(store: Store, pipeline: str, run_id: str, before_ns: int) -> tuple[str, int] | None:
    """Id of the newest run of a pipeline that began before another one, and when, milliseconds since 1970.

    Args:
        store: ClickHouse.
        pipeline: Name of both.
        run_id: The other one.
        before_ns: When that began; sixty days before it are looked at.
    """
    for row in store.ask("earlier_run", pipeline=pipeline, run=run_id, until=before_ns):
        return str(row["Run"]), int(row["StartMs"])
    return None


def _span(row: Row, call: Row | None) -> Span:
    used = call or _NO_CALL
    return Span(
        id=row["SpanId"],
        parent_id=row["ParentSpanId"],
        name=row["SpanName"],
        start_ns=row["StartNs"],
        duration_ns=row["Duration"],
        failed=row["StatusCode"] == "Error" or bool(row["ErrorType"]),
        message=row["StatusMessage"],
        operation=row["Operation"],
        provider=used["Provider"],
        model=used["Model"],
        step_id=row["StepId"],
        step_name=row["StepName"],
        tokens_in=used["InputTokens"],
        tokens_out=used["OutputTokens"],
        cache_read=used["CacheReadTokens"],
        cache_write=used["CacheWriteTokens"],
        reasoning=used["ReasoningTokens"],
        cost=used["Cost"],
        first_chunk_s=used["TimeToFirstChunk"],
        finish_reason=used["FinishReason"],
        error_type=row["ErrorType"],
        is_call=call is not None,
        attributes=row["Attributes"],
    )
