"""Batches: many inputs through one pipeline, some at a time, durably.

Every item is done by a run of its own, with everything that runs have. The items are the truth about what is left to
do; whether a run has ended is read from the runs. So a runner that was killed goes on where it was: nothing is
remembered in between.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from quarterdeck.execution import new_run_id
from quarterdeck_runner.batch_store import Arm, Batch, BatchStore, Item, Kind, NewItem, Progress
from quarterdeck_runner.definitions import parsed
from quarterdeck_runner.engine import Engine, IllegalStateError, UnknownRunError
from quarterdeck_runner.ledger import Entry, Ledger, spent
from quarterdeck_runner.scores import Scored, score

log = logging.getLogger("quarterdeck.runner")

JUDGE: Final = "judge"
"""Step of an experiment that gives a verdict: it is paid, but it is not what is measured."""

_MOST_AT_ONCE: Final = 1000
_LOOK_S: Final = 1.0
_ORPHAN_NS: Final = 10_000_000_000
_RUNNING: Final = "running"


class UnknownBatchError(Exception):
    """There is no batch of this id."""


class BatchStateError(IllegalStateError):
    """The batch is in a state that does not allow this; the message says which."""


class Batches:
    """Does batches with the runs of an engine.

    Args:
        url: database, as SQLAlchemy writes it.
        engine: does the items.
        ledger: knows what their calls used.
    """

    def __init__(self, url: str, engine: Engine, ledger: Ledger) -> None:
        self._store = BatchStore(url)
        self._engine, self._ledger = engine, ledger
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends; the engine must be running."""
        self._engine.on_end(self._news.set)
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._store.close()

    async def start(
        self,
        name: str,
        arms: Sequence[Arm],
        items: Sequence[NewItem],
        *,
        kind: Kind = "batch",
        concurrency: int = 10,
        max_cost_usd: float | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> Batch:
        """Keep a batch and begin it.

        Args:
            name: for people.
            arms: the pipelines that do the items.
            items: what to do; at least one.
            kind: plain, or an experiment.
            concurrency: items at once.
            max_cost_usd: USD above which no further item starts.
            spec: what an experiment compares.
        """
        batch = Batch(
            id=new_run_id(),
            kind=kind,
            name=name,
            status=_RUNNING,
            reason="",
            concurrency=concurrency,
            max_cost_usd=max_cost_usd,
            spec=spec or {},
            total=len(items),
            created_ns=time.time_ns(),
            completed_ns=0,
        )
        await asyncio.to_thread(self._store.insert, batch, arms, items)
        self._news.set()
        return batch

    async def get(self, batch_id: str) -> Batch:
        """A batch.

        Raises:
            UnknownBatchError: there is none.
        """
        batch = await asyncio.to_thread(self._store.get, batch_id)
        if batch is None:
            raise UnknownBatchError(f"there is no batch '{batch_id}'")
        return batch

    async def newest(self, limit: int, kind: Kind | None = None) -> list[Batch]:
        """The newest batches, newest first."""
        return await asyncio.to_thread(self._store.newest, kind, limit)

    async def progress(self, batch_id: str) -> Progress:
        """How far a batch is."""
        return await asyncio.to_thread(self._store.progress, batch_id)

    async def arms(self, batch_id: str) -> list[Arm]:
        """The pipelines that do a batch, in the order of their numbers."""
        return await asyncio.to_thread(self._store.arms, batch_id)

    async def items(self, batch_id: str, *, status: str = "", after: int = 0, limit: int = 100) -> list[Item]:
        """Items in order, those after a number."""
        return await asyncio.to_thread(self._store.items, batch_id, status=status, after=after, limit=limit)

    async def pause(self, batch_id: str) -> Batch:
        """Start no further item; those that run go on to their end.

        Raises:
            UnknownBatchError: there is no such batch.
            BatchStateError: it does not run.
        """
        await self._change("pause", batch_id, "running")
        return await self.get(batch_id)

    async def stop(self, batch_id: str) -> Batch:
        """Start no further item, and break off those that run; they begin anew when the batch is resumed.

        Raises:
            UnknownBatchError: there is no such batch.
            BatchStateError: it has ended, or was stopped before.
        """
        await self._change("stop", batch_id, "running, paused or at its cost limit")
        batch = await self.get(batch_id)
        await self._break_off(batch)
        await asyncio.to_thread(self._settle, batch)
        return await self.get(batch_id)

    async def resume(
        self, batch_id: str, *, max_cost_usd: float | None = None, concurrency: int | None = None
    ) -> Batch:
        """Go on with a paused or stopped batch.

        Args:
            batch_id: which.
            max_cost_usd: a new limit, for one that was stopped by its own.
            concurrency: items at once from now on.

        Raises:
            UnknownBatchError: there is no such batch.
            BatchStateError: it is neither paused nor stopped.
        """
        await self._change("resume", batch_id, "paused or stopped", max_cost_usd=max_cost_usd, concurrency=concurrency)
        self._news.set()
        return await self.get(batch_id)

    async def rerun(self, batch_id: str) -> Batch:
        """Do the items again that failed or were cancelled, and only those.

        Raises:
            UnknownBatchError: there is no such batch.
            BatchStateError: it is paused or stopped, or no item failed.
        """
        batch = await self.get(batch_id)
        if not (await self.progress(batch_id)).count("failed", "cancelled"):
            raise BatchStateError(f"no item of batch {batch_id} failed or was cancelled: there is nothing to redo")
        if await asyncio.to_thread(self._store.rerun, batch_id) is None:
            raise BatchStateError(f"batch {batch_id} is {batch.status}: resume it, then redo what failed")
        self._news.set()
        return await self.get(batch_id)

    def every_item(self, batch_id: str) -> Any:
        """All items in order, some hundred at a time in memory; blocks while it reads."""
        return self._store.every_item(batch_id)

    async def _change(self, name: str, batch_id: str, needed: str, **values: Any) -> None:
        batch = await self.get(batch_id)
        if not await asyncio.to_thread(self._store.change, name, batch_id, **values):
            found = (await self.get(batch_id)).status
            raise BatchStateError(f"batch {batch.id} is {found}; only one that is {needed} can be told to {name}")

    async def _break_off(self, batch: Batch) -> None:
        running = await self.items(batch.id, status=_RUNNING, limit=_MOST_AT_ONCE)
        await asyncio.gather(*(self._cancel(item.run_id) for item in running))

    async def _cancel(self, run_id: str) -> None:
        # Not there yet, or over by now: both are what is wanted.
        with contextlib.suppress(UnknownRunError, IllegalStateError):
            await self._engine.cancel(run_id)

    async def _work(self) -> None:
        """Look at all batches whenever a run has ended, and from time to time: another runner may end one, too."""
        while True:
            self._news.clear()
            await self._advance_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()

    async def _advance_all(self) -> None:
        try:
            at_work = await asyncio.to_thread(self._store.at_work)
        except Exception:
            log.exception("the batches cannot be read; they are tried again")
            return
        for batch in at_work:
            try:
                await self._advance(batch)
            except Exception:
                log.exception("batch %s could not go on; it is tried again", batch.id)

    async def _advance(self, batch: Batch) -> None:
        if await asyncio.to_thread(self._settle, batch):
            self._news.set()
        if await asyncio.to_thread(self._store.change, "complete", batch.id, now=time.time_ns()):
            return
        for item in await asyncio.to_thread(self._store.orphans, batch.id, time.time_ns() - _ORPHAN_NS):
            await self._begin(batch, item)
        if batch.status == "stopped" and not batch.reason:
            await self._break_off(batch)
        if batch.status != _RUNNING:
            return
        most = await self._affordable(batch)
        claimed = await asyncio.to_thread(self._store.claim, batch.id, most) if most else []
        await asyncio.gather(*(self._begin(batch, item) for item in claimed))

    async def _affordable(self, batch: Batch) -> int:
        """How many items may run at once; none if the next one would lead above the limit, and then the batch stops."""
        if batch.max_cost_usd is None:
            return batch.concurrency
        progress = await self.progress(batch.id)
        done, left = progress.count("completed", "failed", "cancelled"), batch.max_cost_usd - progress.spent
        running = progress.count(_RUNNING)
        # What the next item costs is not known; the earlier ones are the best guess, and the first one goes alone.
        each = progress.spent / done if done else left
        most = batch.concurrency if not each else min(batch.concurrency, int(left / each + 1e-9))
        if left > 0 and (most > 0 or running):
            return most
        if progress.count("pending"):
            reason = (
                f"the cost limit of {batch.max_cost_usd:g} USD is reached: {progress.spent:.6g} USD were spent, "
                f"and an item costs {each:.6g} USD; resume it with a higher limit to go on"
            )
            await asyncio.to_thread(self._store.change, "halt", batch.id, reason=reason)
        return 0

    async def _begin(self, batch: Batch, item: Item) -> None:
        arm = await asyncio.to_thread(self._store.arm, batch.id, item.arm)
        pipeline = parsed(arm.source, Path(arm.file))
        await self._engine.start(pipeline, arm.source, item.inputs, run_id=item.run_id)

    def _settle(self, batch: Batch) -> bool:
        """Take over how runs ended; give whether there were any."""
        found = self._store.ended(batch.id)
        if found:
            self._store.settle(batch.id, [self._result(batch, row) for row in found])
        return bool(found)

    def _result(self, batch: Batch, row: Mapping[str, Any]) -> dict[str, Any]:
        entries = self._ledger.of_run(row["run_id"])
        measured = spent([entry for entry in entries if not _judges(batch, entry)])
        output = json.loads(row["run_output"])
        answer, scored = output, Scored(None)
        if batch.kind == "experiment" and row["run_status"] == "completed":
            answer, scored = score(batch.spec.get("score"), output, json.loads(row["inputs"]))
        stopped = row["run_status"] == "cancelled" and batch.status == "stopped"
        return {
            "number": row["number"],
            "run_id": row["run_id"],
            "status": "pending" if stopped else row["run_status"],
            "started_ns": row["run_started_ns"],
            "completed_ns": 0 if stopped else row["run_completed_ns"],
            "output": json.dumps(answer),
            "error": row["run_error"],
            "calls": measured.calls,
            "input_tokens": measured.input_tokens,
            "output_tokens": measured.output_tokens,
            "cost": None if measured.unpriced or not measured.calls else measured.cost,
            "model_ns": measured.duration_ns,
            "spent": spent(entries).cost,
            "unpriced": spent(entries).unpriced,
            "score": scored.value,
            "verdict": scored.verdict,
        }


def _judges(batch: Batch, entry: Entry) -> bool:
    return batch.kind == "experiment" and entry.step == JUDGE


def actions(batch: Batch, progress: Progress) -> list[str]:
    """What a batch allows now."""
    again = ["rerun"] if progress.count("failed", "cancelled") else []
    if batch.status == _RUNNING:
        return ["pause", "stop", *again]
    if batch.status in {"paused", "stopped"}:
        return ["resume", "stop"] if batch.status == "paused" or batch.reason else ["resume"]
    return again
