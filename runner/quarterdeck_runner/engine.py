"""The thin engine over DBOS: start, pause, resume and cancel runs of pipelines; survive everything but the disk.

A run is one row of our table and one DBOS workflow of the same id. The row is the truth about the status; DBOS is the
truth about which steps are finished.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from dbos import DBOS, SetWorkflowID
from dbos import error as dbos_error

from quarterdeck.execution import new_run_id
from quarterdeck_runner import announce, durability
from quarterdeck_runner.execution import Execution
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Pipeline, Step
from quarterdeck_runner.store import ACTIVE, Outcome, RunRow, RunStore

log = logging.getLogger("quarterdeck.runner")

_UNWIND_S: Final = 5.0

T = TypeVar("T")


class UnknownRunError(Exception):
    """There is no run of this id."""


class IllegalStateError(Exception):
    """The run is in a state that does not allow this; the message says which."""


class Engine:
    """Runs pipelines durably; one per process.

    Args:
        url: database, as SQLAlchemy writes it.
        outputs: root folder of output files.
        concurrency: runs at once; further ones wait.
        providers: whom the steps ask.
    """

    def __init__(self, url: str, outputs: Path, concurrency: int, providers: Providers) -> None:
        self._url, self._outputs, self._concurrency, self._providers = url, outputs, concurrency, providers
        self._store = RunStore(url)
        self._announcer = announce.Announcer(self._store)
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._bodies: dict[str, set[asyncio.Task[Any]]] = {}
        self._aborts: dict[str, asyncio.Future[None]] = {}
        self._stopping = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends.

        Raises:
            InUseError: another runner owns the database.
        """
        with durability.database(self._url):
            await asyncio.to_thread(self._store.open)
            _Current.engine = self
            async with self._announcer.working():
                await durability.launch(self._url, self._concurrency)
                try:
                    await self._reconcile()
                    yield
                finally:
                    await self._stop()
            self._store.close()

    async def start(self, pipeline: Pipeline, source: str, inputs: Mapping[str, Any], *, run_id: str = "") -> RunRow:
        """Queue a run, or begin it at once.

        Args:
            pipeline: what to run.
            source: the text of its file; the run keeps it, whatever happens to the file.
            inputs: complete and checked.
            run_id: id of a run that has waited its turn elsewhere and begins now; by default a new one is queued.
        """
        row = new_row(pipeline, source, inputs)
        if run_id:
            row = dataclasses.replace(row, id=run_id)
        await asyncio.to_thread(self._store.insert, row)
        self._announcer.opened(row)
        if run_id:
            with SetWorkflowID(run_id):
                await DBOS.start_workflow_async(run_pipeline, run_id)
        else:
            await self._enqueue(row.id)
        return row

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call a function whenever a run has ended."""
        self._announcer.on_end = listener

    async def get(self, run_id: str) -> RunRow:
        """A run.

        Raises:
            UnknownRunError: there is none.
        """
        row = await asyncio.to_thread(self._store.get, run_id)
        if row is None:
            raise UnknownRunError(f"there is no run '{run_id}'")
        return row

    async def list(self, limit: int, *, active: bool) -> list[RunRow]:
        """The newest runs, newest first."""
        return await asyncio.to_thread(self._store.newest, limit, active=active)

    async def ping(self) -> None:
        """Ask the database whether it is there."""
        await asyncio.to_thread(self._store.ping)

    async def pause(self, run_id: str) -> RunRow:
        """Pause a run at its next step boundary; a waiting one at once.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it is neither waiting nor running.
        """
        async with self._lock(run_id):
            if await self._change("pause_waiting", run_id):
                await DBOS.cancel_workflow_async(run_id, cancel_children=True)
                self._announcer.status(await self.get(run_id))
            elif not await self._change("ask_pause", run_id):
                row = await self.get(run_id)
                raise IllegalStateError(_refusal(row, "pause", "waiting or running"))
            return await self.get(run_id)

    async def resume(self, run_id: str) -> "RunRow":
        """Go on with a paused run, or take back a pause that did not take effect yet.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it is not paused.
        """
        async with self._lock(run_id):
            if await self._change("withdraw_pause", run_id):
                return await self.get(run_id)
            await self._unwound(run_id)
            if not await self._change("resume", run_id):
                raise IllegalStateError(_refusal(await self.get(run_id), "resume", "paused"))
            await DBOS.resume_workflow_async(run_id, queue_name=durability.QUEUE)
            row = await self.get(run_id)
            self._announcer.status(row)
            return row

    async def cancel(self, run_id: str) -> RunRow:
        """End a run now; a model call that is under way is broken off.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it has ended already.
        """
        async with self._lock(run_id):
            if not await asyncio.to_thread(self._store.cancel, run_id):
                raise IllegalStateError(_refusal(await self.get(run_id), "cancel", "waiting, running or paused"))
            self._abort(run_id)
            await DBOS.cancel_workflow_async(run_id, cancel_children=True)
            await self._unwound(run_id)
            row = await self.get(run_id)
            self._announcer.ended(row)
            return row

    async def interpret(self, run_id: str) -> None:
        """Body of the workflow: run it, or go on with it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        self._bodies.setdefault(run_id, set()).add(task)
        try:
            await self._interpret(run_id)
        finally:
            self._bodies[run_id].discard(task)
            if not self._bodies[run_id]:
                del self._bodies[run_id]

    async def _interpret(self, run_id: str) -> None:
        await asyncio.to_thread(self._store.begin, run_id)
        row = await self.get(run_id)
        if row.status in {"paused", "cancelled"}:
            await _interrupt(run_id)
        if row.status not in ACTIVE:
            return
        self._announcer.opened(row)
        execution = Execution(row, announce.pipeline_of(row), self._providers, self._outputs)

        async def durable_step(step: Step, number: int, work: Callable[[], Awaitable[Record]]) -> Record:
            record: Record = await DBOS.run_step_async(
                {"name": step.name, "preemptible": True}, self._step, run_id, step, number, work
            )
            return record

        try:
            outcome = await execution.run(durable_step)
        except Exception as error:
            if self._stopping:
                # DBOS is gone under our feet; the run goes on after the next start.
                raise dbos_error.DBOSWorkflowCancelledError("the runner is stopping") from error
            log.exception("run %s broke", run_id)
            outcome = Outcome("failed", row.steps_done, None, f"{type(error).__name__}: {error}", type(error).__name__)
        if await asyncio.to_thread(self._store.finish, run_id, outcome):
            self._announcer.ended(await self.get(run_id))

    async def _step(self, run_id: str, step: Step, number: int, work: Callable[[], Awaitable[Record]]) -> Record:
        """A step boundary, then the step."""
        if await asyncio.to_thread(self._store.take_pause, run_id, number - 1):
            self._announcer.status(await self.get(run_id))
            await _interrupt(run_id)
        await asyncio.to_thread(self._store.step_begins, run_id, step.name, number - 1)
        return await self._abortable(run_id, work())

    async def _abortable(self, run_id: str, work: Awaitable[T]) -> T:
        """Run until done or aborted: DBOS itself looks for cancelled runs once a second, we need not wait for it."""
        signal = self._aborts[run_id] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, signal}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            # Not recorded by DBOS: should the run go on one day, the step is done again.
            raise dbos_error.DBOSWorkflowCancelledError(f"run {run_id} was cancelled")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            self._aborts.pop(run_id, None)

    def _abort(self, run_id: str) -> None:
        signal = self._aborts.get(run_id)
        if signal is not None and not signal.done():
            signal.set_result(None)

    async def _unwound(self, run_id: str) -> None:
        """Wait until no execution of the run is left in this process."""
        bodies = self._bodies.get(run_id)
        if bodies:
            await asyncio.wait(set(bodies), timeout=_UNWIND_S)

    async def _change(self, name: str, run_id: str) -> bool:
        return await asyncio.to_thread(self._store.change, name, run_id)

    async def _enqueue(self, run_id: str) -> None:
        with SetWorkflowID(run_id):
            await DBOS.enqueue_workflow_async(durability.QUEUE, run_pipeline, run_id)

    async def _reconcile(self) -> None:
        """Bring table and engine together after a restart, and tell the dashboard what is open."""
        for row in await asyncio.to_thread(self._store.unannounced):
            if row.status not in ACTIVE:
                self._announcer.ended(row)
                continue
            self._announcer.opened(row)
            if row.status == "paused":
                continue
            found = await DBOS.get_workflow_status_async(row.id)
            if found is None:
                await self._enqueue(row.id)
            elif found.status == "CANCELLED":
                await DBOS.resume_workflow_async(row.id, queue_name=durability.QUEUE)
            elif found.status not in {"PENDING", "ENQUEUED", "DELAYED"}:
                await self._give_up(row, found.status)

    async def _give_up(self, row: RunRow, status: str) -> None:
        """End a run that DBOS will not touch again."""
        await asyncio.to_thread(self._store.begin, row.id)
        error = f"the engine ended the run as {status} and kept no result: start it again"
        if await asyncio.to_thread(self._store.finish, row.id, Outcome("failed", row.steps_done, None, error, status)):
            self._announcer.ended(await self.get(row.id))

    async def _stop(self) -> None:
        self._stopping = True
        await durability.land()
        bodies = {task for tasks in self._bodies.values() for task in tasks}
        for task in bodies:
            task.cancel()
        if bodies:
            await asyncio.wait(bodies, timeout=_UNWIND_S)
        _Current.engine = None
        await self._providers.close()

    @contextlib.asynccontextmanager
    async def _lock(self, run_id: str) -> AsyncIterator[None]:
        """One command at a time for each run."""
        await self.get(run_id)
        lock = self._locks.setdefault(run_id, asyncio.Lock())
        async with lock:
            yield


def actions(row: RunRow) -> list[str]:
    """What a run allows now."""
    if row.status == "paused":
        return ["resume", "cancel"]
    if row.status in {"running", "waiting"}:
        return ["resume", "cancel"] if row.pending == "pause" else ["pause", "cancel"]
    return []


class _Current:
    """The engine of this process: DBOS knows its workflows by module-level functions."""

    engine: Engine | None = None


@DBOS.workflow(name="run_pipeline")
async def run_pipeline(run_id: str) -> None:
    """The one workflow: interprets whatever pipeline the run carries."""
    if _Current.engine is None:
        raise dbos_error.DBOSWorkflowCancelledError("the runner is stopping")
    await _Current.engine.interpret(run_id)


async def _interrupt(run_id: str) -> None:
    await DBOS.cancel_workflow_async(run_id, cancel_children=True)
    raise dbos_error.DBOSWorkflowCancelledError(f"run {run_id} is interrupted")


def _refusal(row: RunRow, action: str, needed: str) -> str:
    state = f"{row.status}, with a pause under way" if row.pending else row.status
    return f"run {row.id} is {state}; only a run that is {needed} can be told to {action}"


def new_row(pipeline: Pipeline, source: str, inputs: Mapping[str, Any]) -> RunRow:
    """A run that waits.

    Args:
        pipeline: what to run.
        source: the text of its file.
        inputs: complete and checked.
    """
    return RunRow(
        id=new_run_id(),
        pipeline=pipeline.name,
        version=pipeline.version,
        file=str(pipeline.file.resolve()),
        source=source,
        inputs=dict(inputs),
        steps_total=len(pipeline.steps),
        status="waiting",
        pending="",
        current_step="",
        steps_done=0,
        error="",
        error_type="",
        output=None,
        created_ns=time.time_ns(),
        started_ns=0,
        completed_ns=0,
        announced=0,
    )
