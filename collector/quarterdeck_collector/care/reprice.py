"""Set the cost of stored calls to what today's price table says: only ever on request.

The columns ``Current…`` of ``model_calls`` say what a call would cost if it came now.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

from quarterdeck_collector.care.derived import await_mutations, mark, rebuild
from quarterdeck_collector.care.retention import oldest_whole_day
from quarterdeck_collector.care.run_list import copy_runs
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.care.tables import CALLS, tables
from quarterdeck_collector.store import Store, literal


@dataclass
class ModelDifference:
    """What repricing does to the calls of one model; costs in USD."""

    provider: str
    model: str
    price: str
    calls: int
    old_cost: float
    new_cost: float
    old_unknown: int
    new_unknown: int


@dataclass
class RepriceReport:
    """What was repriced, or would be.

    Args:
        models: Differences by model, largest first.
        days: Days whose costs change.
        expired: Days that were left alone because spans of them have expired already.
    """

    models: list[ModelDifference] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON carries it."""
        return asdict(self)


def reprice(
    store: Store,
    selection: Selection,
    models: Sequence[str],
    quiet: Callable[[], AbstractContextManager[None]],
    *,
    dry_run: bool,
) -> RepriceReport:
    """Set ``Cost`` of the selected calls to what the price table says now, and rebuild the sums.

    Args:
        store: Where.
        selection: Which runs, pipeline and time.
        models: Only calls of these models, requested or answering; all if empty.
        quiet: Makes a block without inserts; called for each day.
        dry_run: Only say what would change.

    Raises:
        BusyDayError: If others went on writing into one of the days.
        StoreError: If the store refuses.
    """
    condition = _condition(selection, models, f"{store.database}.runs")
    first_whole = oldest_whole_day(store)
    changed = _changed_days(store, condition)
    days = [day for day in changed if day >= first_whole]
    report = RepriceReport(_differences(store, condition, first_whole), days, sorted({*changed} - {*days}))
    if days and not dry_run:
        if store.cluster:  # every node looks runs up by itself
            condition = _condition(selection, models, copy_runs(store))
        for day in days:
            mark(store, [day])
            with quiet():
                _update(store, condition, day)
                rebuild(store, day)
    return report


def _update(store: Store, condition: str, day: str) -> None:
    wait = 0 if store.cluster else 2  # a statement for all nodes has a minute
    store.command(
        f"ALTER TABLE {store.database}.{store.local(CALLS)} {store.on_cluster} "
        "UPDATE Cost = CurrentCost, PriceModel = CurrentPriceModel, IsUnpriced = CurrentCost IS NULL "
        f"IN PARTITION '{day}' WHERE {condition} "
        f"SETTINGS mutations_sync = {wait}, allow_nondeterministic_mutations = 1"
    )
    if store.cluster:
        await_mutations(store, [table for table in tables(store).base if table.name == CALLS])


def _condition(selection: Selection, models: Sequence[str], runs: str) -> str:
    columns = ("Timestamp", "TraceId", "RunId", "PipelineName")
    parts = [selection.condition(columns, runs), "InputTokens + OutputTokens > 0"]
    if models:
        names = ", ".join(map(literal, models))
        parts.append(f"Model IN ({names}) OR RequestModel IN ({names})")
    return " AND ".join(f"({part})" for part in parts)


def _changed_days(store: Store, condition: str) -> list[str]:
    sql = (
        f"SELECT DISTINCT toString(toDate(Timestamp)) AS Day FROM {store.database}.{CALLS} "  # noqa: S608 - values are quoted
        f"WHERE {condition} AND CurrentCost IS DISTINCT FROM Cost ORDER BY Day"
    )
    return [row[0] for row in store.rows(sql)]


def _differences(store: Store, condition: str, first_whole: str) -> list[ModelDifference]:
    since = f" AND toDate(Timestamp) >= '{first_whole}'" if first_whole else ""
    rows = store.json_rows(
        "SELECT toString(Provider) AS provider, toString(Model) AS model, CurrentPriceModel AS price, "  # noqa: S608 - as above
        "toUInt32(count()) AS calls, ifNull(sum(Cost), 0) AS old_cost, ifNull(sum(CurrentCost), 0) AS new_cost, "
        "toUInt32(countIf(Cost IS NULL)) AS old_unknown, toUInt32(countIf(CurrentCost IS NULL)) AS new_unknown "
        f"FROM {store.database}.{CALLS} WHERE {condition}{since} "
        "GROUP BY provider, model, price ORDER BY abs(new_cost - old_cost) DESC, provider, model, price"
    )
    return [ModelDifference(**row) for row in rows]
