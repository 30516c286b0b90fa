"""Model calls by when they were made, for choosing one."""

from dataclasses import dataclass
from typing import Final

from quarterdeck_ui.queries.store import Row, Store

_HOUR_NS: Final = 3600 * 10**9
_BACK_NS: Final = (_HOUR_NS, 24 * _HOUR_NS, 7 * 24 * _HOUR_NS, 90 * 24 * _HOUR_NS)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One model call without its payload; times in milliseconds, cost in USD."""

    at_ms: int
    run_id: str
    span_id: str
    pipeline: str
    step: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: float | None
    milliseconds: float
    failed: bool
    finish_reason: str


def recent_calls(store: Store, now_ns: int, words: str = "", limit: int = 50) -> list[CallRow]:
    """The newest calls, newest first, looked for further and further back until there are enough.

    Args:
        store: ClickHouse.
        now_ns: The present.
        words: What pipeline, step, model or an id holds, in whatever case; empty for all.
        limit: Most calls.

    Raises:
        StoreError: ClickHouse is away.
    """
    rows: list[CallRow] = []
    for back in _BACK_NS:
        found = store.ask("recent_calls", since=now_ns - back, needle=words, limit=limit)
        rows = list(map(_call, found))
        if len(rows) == limit:
            break
    return rows


def call_by_id(store: Store, run_id: str, span_id: str) -> CallRow | None:
    """One call, or None if that span is no call or has not arrived.

    Raises:
        StoreError: ClickHouse is away.
    """
    return next(map(_call, store.ask("call_by_id", run=run_id, span=span_id)), None)


def _call(row: Row) -> CallRow:
    return CallRow(
        at_ms=row["AtMs"],
        run_id=row["RunId"],
        span_id=row["SpanId"],
        pipeline=row["PipelineName"],
        step=row["StepName"],
        model=row["Model"],
        tokens_in=row["InputTokens"],
        tokens_out=row["OutputTokens"],
        cost=row["Cost"],
        milliseconds=row["Milliseconds"],
        failed=bool(row["IsError"]),
        finish_reason=row["FinishReason"],
    )
