"""The body of a run: what the one workflow does, step by step, with commands obeyed in between."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbos import DBOS
from dbos import error as dbos_error

from quarterdeck_runner import announce
from quarterdeck_runner.bodies import Bodies
from quarterdeck_runner.definitions import pipeline_of
from quarterdeck_runner.execution import Execution
from quarterdeck_runner.journal import FILES, Journal
from quarterdeck_runner.overrides import Overridden
from quarterdeck_runner.providers import Models
from quarterdeck_runner.python_run import PythonRun
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step
from quarterdeck_runner.store import ACTIVE, Outcome, RunRow, RunStore

log = logging.getLogger("quarterdeck.runner")


@dataclass(frozen=True)
class Interpreter:
    """Executes runs.

    Args:
        store: where the runs are.
        announcer: who tells the dashboard.
        models: who answers model calls.
        outputs: root folder of output files.
        journal: what is finished inside steps.
        bodies: what executes here.
        me: name of this runner.
        memory_mb: how much memory the process of a Python pipeline may take, in MiB; 0 for no limit.
    """

    store: RunStore
    announcer: announce.Announcer
    models: Models
    outputs: Path
    journal: Journal
    bodies: Bodies
    me: str
    memory_mb: int = 0

    async def interpret(self, run_id: str) -> None:
        """Body of the workflow: run it, or go on with it."""
        async with self.bodies.inside(run_id):
            await asyncio.to_thread(self.store.begin, run_id, self.me)
            row = await self._row(run_id)
            if row is None or row.status not in (*ACTIVE, "cancelled"):
                return
            if row.status in {"paused", "cancelled"}:
                await interrupt(run_id)
            self.announcer.opened(row)
            outcome = await self._outcome(row)
            if await asyncio.to_thread(self.store.finish, run_id, outcome):
                ended = await self._row(run_id)
                assert ended is not None  # noqa: S101 - it was there a moment ago
                self.announcer.ended(ended)

    async def _outcome(self, row: RunRow) -> Outcome:
        try:
            reused = await asyncio.to_thread(self.store.reused, row.id) if row.options.origin else {}
            files = await asyncio.to_thread(self.journal.get, row.id, FILES)
            return await self._execution(row, files).run(self._durably(row, reused))
        except Exception as error:
            if self.bodies.stopping:
                # DBOS is gone under our feet; the run goes on after the next start.
                raise dbos_error.DBOSWorkflowCancelledError("the runner is stopping") from error
            log.exception("run %s broke", row.id)
            kind = type(error).__name__
            return Outcome("failed", row.steps_done, None, f"{kind}: {error}", kind)

    def _execution(self, row: RunRow, files: Mapping[str, str] | None) -> Execution | PythonRun:
        if row.kind == "python":
            return PythonRun(row, self.store, self.announcer, self.bodies, self.memory_mb)
        models, keep = Overridden(self.models, row.options), functools.partial(self._keep, row.id)
        return Execution(row, pipeline_of(row, files), models, self.outputs, keep)

    def _durably(
        self, row: RunRow, reused: dict[str, Record]
    ) -> Callable[[Step, int, Callable[[], Awaitable[Record]]], Awaitable[Record]]:
        async def durable_step(step: Step, number: int, work: Callable[[], Awaitable[Record]]) -> Record:
            options: Any = {"name": step.name, "preemptible": True}
            if step.name in reused:
                # A step of the engine, too: it counts as done when this run is itself continued one day.
                return await DBOS.run_step_async(options, self._reuse, row, step, number, reused[step.name])
            return await DBOS.run_step_async(options, self._step, row.id, step, number, work)

        return durable_step

    async def _reuse(self, row: RunRow, step: Step, number: int, record: Record) -> Record:
        announce.reused(announce.identity(row), step, number, row.steps_total, record)
        return record

    async def _step(self, run_id: str, step: Step, number: int, work: Callable[[], Awaitable[Record]]) -> Record:
        """A step boundary, then the step."""
        if not await asyncio.to_thread(self.store.step_begins, run_id, step.name, number - 1):
            await self._obey(run_id, number - 1)
        return await self.bodies.abortable(run_id, work())

    async def _obey(self, run_id: str, done: int) -> None:
        await asyncio.to_thread(self.store.take_pause, run_id, done)
        row = await self._row(run_id)
        # A pause that was taken back in this very moment is none.
        if row is not None and row.status != "running":
            self.announcer.status(row)
            await interrupt(run_id)

    async def _keep(
        self,
        run_id: str,
        path: str,
        work: Callable[[], Awaitable[Record]],
        failures: bool,
    ) -> Record:
        """A boundary between steps inside a step, then the step; what was done before a restart is not done again."""
        found = await asyncio.to_thread(self.journal.get, run_id, path)
        if found is not None:
            return found
        row = await self._row(run_id)
        if row is not None and (row.pending or row.status != "running"):
            await self._obey(run_id, row.steps_done)
        record = await work()
        if record["success"] or failures:
            await asyncio.to_thread(self.journal.put, run_id, path, record)
        return record

    async def _row(self, run_id: str) -> RunRow | None:
        return await asyncio.to_thread(self.store.get, run_id)


async def interrupt(run_id: str) -> None:
    """Give up the execution of a run; what is finished stays recorded.

    Raises:
        DBOSWorkflowCancelledError: always.
    """
    await DBOS.cancel_workflow_async(run_id, cancel_children=True)
    raise dbos_error.DBOSWorkflowCancelledError(f"run {run_id} is interrupted")
