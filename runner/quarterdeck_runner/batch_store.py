"""What is kept of batches: the batch, its arms (the pipelines that do it) and its items."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from quarterdeck.execution import new_run_id
from quarterdeck_runner.database import Tables

Kind = Literal["batch", "experiment"]

_PAGE: Final = 500
_LATELY_NS: Final = 60_000_000_000
_COUNTED: Final = ("unpriced", "input_tokens", "output_tokens", "lately")


@dataclass(frozen=True)
class Arm:
    """One pipeline that does items of a batch; a plain batch has one.

    Args:
        variant: name of the variant; of a plain batch, of the pipeline.
        model: the model that is compared; empty in a plain batch.
        file: where the pipeline's file is, for paths in it.
        source: text of the pipeline.
    """

    variant: str
    model: str
    file: str
    source: str


@dataclass(frozen=True)
class NewItem:
    """One item to do.

    Args:
        line: line or place in what was given, counted from 1.
        arm: number of the arm that does it, counted from 0.
        inputs: complete and checked.
    """

    line: int
    arm: int
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """One batch, as kept; times in nanoseconds since the epoch, 0 for never.

    Args:
        id: its id.
        kind: plain, or an experiment.
        name: for people.
        status: ``running``, ``paused``, ``stopped`` or ``completed``.
        reason: why it was stopped, where nobody asked for it.
        concurrency: items at once.
        max_cost_usd: USD that it may cost; ``None`` for any.
        spec: what an experiment compares.
        total: how many items it has.
        created_ns: when it was asked for.
        completed_ns: when its last item ended.
    """

    id: str
    kind: Kind
    name: str
    status: str
    reason: str
    concurrency: int
    max_cost_usd: float | None
    spec: Mapping[str, Any]
    total: int
    created_ns: int
    completed_ns: int


@dataclass(frozen=True)
class Item:
    """One item, as kept; its tokens, costs and times are those of the last attempt."""

    batch_id: str
    number: int
    line: int
    arm: int
    inputs: dict[str, Any]
    status: str
    run_id: str
    attempts: int
    claimed_ns: int
    started_ns: int
    completed_ns: int
    output: Any
    error: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    model_ns: int
    spent: float
    unpriced: int
    score: float | None
    verdict: str


@dataclass(frozen=True)
class Progress:
    """How far a batch is.

    Args:
        items: how many items there are of each status.
        spent: USD of all attempts, as far as prices are known.
        unpriced: calls whose price is not known.
        input_tokens: tokens of prompts.
        output_tokens: tokens of answers.
        lately: items that ended in the last minute.
    """

    items: Mapping[str, int] = field(default_factory=dict)
    spent: float = 0.0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    lately: int = 0

    def count(self, *statuses: str) -> int:
        """How many items have one of these statuses."""
        return sum(self.items.get(status, 0) for status in statuses)


class BatchStore:
    """Batches in the database of the engine; every method blocks for a moment and is safe in threads.

    Args:
        url: database, as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self._tables = Tables(url, "batches.sql")

    def close(self) -> None:
        """Give the connections back."""
        self._tables.close()

    def insert(self, batch: Batch, arms: Sequence[Arm], items: Sequence[NewItem]) -> None:
        """Keep a new batch, whole or not at all."""
        sql = self._tables.sql
        kept = {name: value for name, value in vars(batch).items() if name not in {"status", "reason", "completed_ns"}}
        with self._tables.begin() as connection:
            connection.execute(sql["insert_batch"], {**kept, "spec": json.dumps(batch.spec)})
            rows = [{"batch_id": batch.id, "number": number, **vars(arm)} for number, arm in enumerate(arms)]
            connection.execute(sql["insert_arm"], rows)
            for start in range(0, len(items), _PAGE):
                numbered = enumerate(items[start : start + _PAGE], start + 1)
                page = [
                    {"batch_id": batch.id, "number": number, **vars(item), "inputs": json.dumps(item.inputs)}
                    for number, item in numbered
                ]
                connection.execute(sql["insert_item"], page)

    def get(self, batch_id: str) -> Batch | None:
        """A batch by its id."""
        rows = self._tables.read("get", id=batch_id)
        return _batch(rows[0]) if rows else None

    def newest(self, kind: Kind | None, limit: int) -> list[Batch]:
        """The newest batches, newest first."""
        return [_batch(row) for row in self._tables.read("newest", kind=kind or "", limit=limit)]

    def at_work(self) -> list[Batch]:
        """Batches that have items to start or to wait for."""
        return [_batch(row) for row in self._tables.read("at_work")]

    def progress(self, batch_id: str) -> Progress:
        """How far a batch is."""
        rows = self._tables.read("progress", id=batch_id, since=time.time_ns() - _LATELY_NS)
        sums = {name: sum(int(row[name]) for row in rows) for name in _COUNTED}
        spent = sum(float(row["spent"]) for row in rows)
        return Progress({row["status"]: row["items"] for row in rows}, spent, **sums)

    def arms(self, batch_id: str) -> list[Arm]:
        """The arms of a batch."""
        return [_arm(row) for row in self._tables.read("arms", id=batch_id)]

    def arm(self, batch_id: str, number: int) -> Arm:
        """One arm of a batch."""
        return _arm(self._tables.read("arm", id=batch_id, number=number)[0])

    def items(self, batch_id: str, *, status: str = "", after: int = 0, limit: int = _PAGE) -> list[Item]:
        """Items in order, those after a number."""
        name = "items_of_status" if status else "items"
        values = {"status": status} if status else {}
        return [_item(row) for row in self._tables.read(name, id=batch_id, after=after, limit=limit, **values)]

    def every_item(self, batch_id: str) -> Iterator[Item]:
        """All items in order, some hundred at a time in memory."""
        after = 0
        while page := self.items(batch_id, after=after):
            yield from page
            after = page[-1].number

    def claim(self, batch_id: str, most: int) -> list[Item]:
        """Take the next pending items, each with the id of the run that shall do it.

        Args:
            batch_id: whose.
            most: items that may run at once, those included that run already.
        """
        sql, now = self._tables.sql, time.time_ns()
        with self._tables.begin(quick=True) as connection:
            # The update locks the batch: of two runners that claim, one waits and sees what the other took.
            if connection.execute(sql["touch"], {"id": batch_id, "now": now}).rowcount != 1:
                return []
            free = most - connection.execute(sql["running"], {"id": batch_id}).scalar_one()
            if free <= 0:
                return []
            found = connection.execute(sql["pending"], {"id": batch_id, "limit": free}).mappings().all()
            items = [_item({**row, "run_id": new_run_id(), "status": "running"}) for row in found]
            if items:
                claims = [{"id": batch_id, "number": i.number, "run_id": i.run_id, "now": now} for i in items]
                connection.execute(sql["claim"], claims)
            return items

    def ended(self, batch_id: str) -> list[dict[str, Any]]:
        """Items whose run has ended, which they do not know yet."""
        return self._tables.read("ended", id=batch_id)

    def orphans(self, batch_id: str, before_ns: int) -> list[Item]:
        """Items that were claimed before a time and whose run was never made: the runner died in between."""
        return [_item(row) for row in self._tables.read("orphans", id=batch_id, before=before_ns)]

    def settle(self, batch_id: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Keep how items ended."""
        self._tables.write("settle", [{"id": batch_id, **result} for result in results], quick=True)

    def change(self, name: str, batch_id: str, **values: Any) -> bool:
        """Do one of the conditional changes of ``batches.sql``; give whether the batch allowed it."""
        return self._tables.write(name, {"id": batch_id, **values}) == 1

    def rerun(self, batch_id: str) -> int | None:
        """Make failed and cancelled items pending again; give how many, or ``None`` if the batch's state forbids it."""
        with self._tables.begin() as connection:
            if connection.execute(self._tables.sql["reopen"], {"id": batch_id}).rowcount != 1:
                return None
            changed: int = connection.execute(self._tables.sql["rerun"], {"id": batch_id}).rowcount
            return changed


def _batch(row: Mapping[str, Any]) -> Batch:
    kept = {name: row[name] for name in Batch.__dataclass_fields__}
    return Batch(**{**kept, "spec": json.loads(row["spec"])})


def _arm(row: Mapping[str, Any]) -> Arm:
    return Arm(row["variant"], row["model"], row["file"], row["source"])


def _item(row: Mapping[str, Any]) -> Item:
    return Item(**{**row, "inputs": json.loads(row["inputs"]), "output": json.loads(row["output"])})
