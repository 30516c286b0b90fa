"""Bring the table of runs and DBOS together: after a restart, and when another runner died."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

from quarterdeck_runner import announce, durability
from quarterdeck_runner.store import ACTIVE, Outcome, RunRow, RunStore
from quarterdeck_runner.workflow import run_pipeline

log = logging.getLogger("quarterdeck.runner")

MAX_DEATHS: Final = 3
"""How often a runner may die in the same step of a run, before the run is believed to be the reason."""


_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Recovery:
    """Puts runs back to work.

    Args:
        store: where the runs are.
        announcer: who tells the dashboard.
        me: name of this runner.
    """

    store: RunStore
    announcer: announce.Announcer
    me: str

    async def after_restart(self) -> None:
        """Look after every run that is not over: this is the only runner."""
        rows = await asyncio.to_thread(self.store.unannounced)
        statuses = await _statuses([row.id for row in rows if row.status in ACTIVE])
        for row in rows:
            await self._settle(row, statuses.get(row.id, ""))

    async def after_death(self, dead: str, *, in_peace: bool) -> int:
        """Look after the runs of a runner that is gone.

        Args:
            dead: its name.
            in_peace: whether it was stopped, and did not die.

        Returns:
            How many were not over.
        """
        open_runs = 0
        rows = await asyncio.to_thread(self.store.unannounced, dead)
        statuses = await _statuses([row.id for row in rows if row.status in ACTIVE])
        for row in rows:
            deaths = 0 if in_peace or row.status != "running" else 1
            if not await asyncio.to_thread(self.store.take_over, row.id, dead, self.me, deaths):
                continue
            open_runs += row.status in ACTIVE
            if row.status == "running" and row.takeovers + deaths >= MAX_DEATHS:
                await DBOS.cancel_workflow_async(row.id, cancel_children=True)
                await self._give_up(row)
            else:
                await self._settle(row, statuses.get(row.id, ""))
        # What such a run had begun beside itself: it waits for it, and nobody else would do it.
        for found in await DBOS.list_workflows_async(status="PENDING", executor_id=dead, load_input=False):
            queue = durability.QUEUE if found.queue_name == durability.QUEUE else None
            await DBOS.resume_workflow_async(found.workflow_id, queue_name=queue)
        return open_runs

    async def count_deaths(self) -> None:
        """Give up runs in whose same step the runner died again and again; before DBOS begins to recover."""
        await asyncio.to_thread(self.store.count_deaths)
        for row in await asyncio.to_thread(self.store.unannounced):
            if row.status == "running" and row.takeovers >= MAX_DEATHS:
                await self._give_up(row)

    async def _settle(self, row: RunRow, status: str) -> None:
        """Bring a run and its workflow together.

        Args:
            row: the run.
            status: what DBOS says of it; empty if it does not know it.
        """
        if row.status not in ACTIVE:
            self.announcer.ended(row)
            return
        self.announcer.opened(row)
        if row.status == "paused":
            return
        if not status:
            await enqueue(row)
        elif status == "CANCELLED" or (status == "PENDING" and row.owner not in {"", self.me}):
            await DBOS.resume_workflow_async(row.id, queue_name=durability.QUEUE)
        elif status not in {"PENDING", "ENQUEUED", "DELAYED"}:
            await self._end(row, f"the engine ended the run as {status} and kept no result: start it again", status)

    async def _give_up(self, row: RunRow) -> None:
        where = f" in step '{row.current_step}'" if row.current_step else ""
        error = f"the runner died {MAX_DEATHS} times while this run was{where}: it is not tried again"
        await self._end(row, error, "RunnerDied")

    async def _end(self, row: RunRow, error: str, error_type: str) -> None:
        """End a run that DBOS will not touch again."""
        await asyncio.to_thread(self.store.begin, row.id, self.me)
        outcome = Outcome("failed", row.steps_done, None, error, error_type)
        if await asyncio.to_thread(self.store.finish, row.id, outcome):
            ended = await asyncio.to_thread(self.store.get, row.id)
            if ended is not None:
                self.announcer.ended(ended)


async def _statuses(run_ids: Sequence[str]) -> dict[str, str]:
    """What DBOS says of runs that it knows."""
    found: dict[str, str] = {}
    for start in range(0, len(run_ids), _AT_ONCE):
        some = list(run_ids[start : start + _AT_ONCE])
        listed = await DBOS.list_workflows_async(workflow_ids=some, load_input=False, load_output=False)
        found |= {each.workflow_id: each.status for each in listed}
    return found


async def enqueue(row: RunRow) -> None:
    """Hand a run to DBOS."""
    # DBOS takes small numbers first and reads 0 as above all others.
    with SetWorkflowID(row.id), SetEnqueueOptions(priority=10 - row.options.priority):
        await DBOS.enqueue_workflow_async(durability.QUEUE, run_pipeline, row.id)


async def begin(row: RunRow) -> None:
    """Let DBOS begin a run at once, beside its queue."""
    with SetWorkflowID(row.id):
        await DBOS.start_workflow_async(run_pipeline, row.id)
