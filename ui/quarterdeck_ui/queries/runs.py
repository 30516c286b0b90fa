from dataclasses import dataclass
from datetime import date, timedelta

from quarterdeck_ui.queries.store import Row, Store

_ALL_DAYS = date(1971, 1, 1)
_DAYS_BACK = (1, 4, 16)


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the spans of a run that are stored so far add up to; times in nanoseconds, cost in USD."""

    id: str
    trace_id: str
    pipeline: str
    version: str
    root_name: str
    start_ns: int
    end_ns: int
    ended: bool
    status: str
    error_type: str
    message: str
    steps: int
    errors: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost: float
    unpriced: int
    models: tuple[str, ...]
    stand_in: bool


def recent_runs(store: Store, today: date, limit: int = 100) -> list[RunRow]:
    """The newest runs, newest first: of as few days as fill the limit."""
    rows: list[Row] = []
    for since in (*(today - timedelta(days=days) for days in _DAYS_BACK), _ALL_DAYS):
        rows = store.ask("runs", since=since, run="", limit=limit)
        if len(rows) == limit:
            break
    return [_run(row) for row in rows]


def run_by_id(store: Store, run_id: str) -> RunRow | None:
    """One run of any age, or None if no span of it is stored."""
    return next((_run(row) for row in store.ask("runs", since=_ALL_DAYS, run=run_id, limit=1)), None)


def _run(row: Row) -> RunRow:
    return RunRow(
        id=row["RunId"],
        trace_id=row["Trace"],
        pipeline=row["Pipeline"],
        version=row["Version"],
        root_name=row["Root"],
        start_ns=row["StartNs"],
        end_ns=row["EndNs"],
        ended=bool(row["Ended"]),
        status=row["RunStatus"],
        error_type=row["Error"],
        message=row["Message"],
        steps=row["StepCount"],
        errors=row["ErrorCount"],
        calls=row["Calls"],
        tokens_in=row["TokensIn"],
        tokens_out=row["TokensOut"],
        cost=row["CostUsd"] or 0.0,
        unpriced=row["Unpriced"],
        models=tuple(sorted(name for name in row["ModelNames"] if name)),
        stand_in=bool(row["IsStandIn"]),
    )
