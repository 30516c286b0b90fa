from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck_ui.queries.store import Row, Store

_MINUTE_NS = 60 * 10**9
_DAY_NS = 1440 * _MINUTE_NS
_BACK_NS = (5 * _MINUTE_NS, 60 * _MINUTE_NS, _DAY_NS, 4 * _DAY_NS, 16 * _DAY_NS)
_ALL_NS = _DAY_NS  # there is a day before it
_SPARE = 20
"""Runs looked at beyond those wanted: some that go on may have begun earlier."""


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
    environment: str = ""
    service: str = ""


def recent_runs(store: Store, now_ns: int, limit: int = 100, known: Sequence[RunRow] | None = None) -> list[RunRow]:
    """The newest runs, newest first, of any age.

    Args:
        store: ClickHouse.
        now_ns: The present; it is looked back from there, further and further, until there are enough.
        limit: Most runs.
        known: The answer before, with the same limit: the newest runs began no earlier than the oldest of those.
    """
    rows: list[RunRow] = []
    for since in _steps_back(now_ns, limit, known):
        found = store.ask("newest_runs", since=since, limit=limit + _SPARE)
        rows = runs_by_id(store, [row["RunId"] for row in found], since)[:limit]
        if len(rows) == limit and rows[-1].start_ns >= since:
            break
    return rows


def runs_by_id(store: Store, ids: Sequence[str], since_ns: int) -> list[RunRow]:
    """Runs of which something began since a time, newest first. Of one that is days older, not all."""
    return [_run(row) for row in store.ask("runs", runs=ids, since=since_ns)] if ids else []


def _steps_back(now_ns: int, limit: int, known: Sequence[RunRow] | None) -> list[int]:
    steps = [*(now_ns - back for back in _BACK_NS), _ALL_NS]
    if known is None:
        return steps
    oldest = known[-1].start_ns if len(known) == limit else _ALL_NS
    return [oldest, *(step for step in steps if step < oldest)]


def run_by_id(store: Store, run_id: str) -> RunRow | None:
    """One run of any age, or None if no span of it is stored."""
    return next(iter(runs_by_id(store, [run_id], _ALL_NS)), None)


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
        environment=row["Place"],
        service=row["Service"],
    )
