"""The thin engine over DBOS: start, pause, resume and cancel runs of pipelines; survive everything but the disk.

A run is one row of our table and one DBOS workflow of the same id. The row is the truth about the status; DBOS is the
truth about which steps are finished.
"""

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbos import DBOS

from quarterdeck_runner import announce, continuing, durability
from quarterdeck_runner.bodies import Bodies
from quarterdeck_runner.continuing import Edits
from quarterdeck_runner.definitions import pipeline_of
from quarterdeck_runner.fleet import Fleet
from quarterdeck_runner.interpreter import Interpreter
from quarterdeck_runner.journal import FILES, Journal
from quarterdeck_runner.limits import Limited, Limits
from quarterdeck_runner.options import Options
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.recovery import Recovery, begin, enqueue
from quarterdeck_runner.rows import again, new_row
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import ACTIVE, NOW, Position, RunRow, RunStore
from quarterdeck_runner.workflow import Current

log = logging.getLogger("quarterdeck.runner")

_SILENCE_S = 10.0
_NO_LIMITS = Limits({}, {})


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
        limits: how often they may be asked.
        silence_s: seconds without a sign of life after which another runner is believed to be dead.
        memory_mb: how much memory the process of a Python pipeline may take, in MiB; 0 for no limit.
    """

    def __init__(
        self,
        url: str,
        outputs: Path,
        concurrency: int,
        providers: Providers,
        *,
        limits: Limits = _NO_LIMITS,
        silence_s: float = _SILENCE_S,
        memory_mb: int = 0,
    ) -> None:
        self._url, self._concurrency, self._providers = url, concurrency, providers
        self._me = durability.name_of_runner(url)
        self._store, self._journal = RunStore(url), Journal(url)
        self._announcer = announce.Announcer(self._store)
        self._bodies = Bodies()
        models = Limited(providers, limits)
        self._interpreter = Interpreter(
            self._store, self._announcer, models, outputs, self._journal, self._bodies, self._me, memory_mb
        )
        self._recovery = Recovery(self._store, self._announcer, self._me)
        self._fleet = Fleet(url, self._me, silence_s) if durability.is_shared(url) else None
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends.

        Raises:
            InUseError: another runner owns the database.
        """
        with durability.database(self._url):
            Current.interpret = self._interpreter.interpret
            async with self._announcer.working(), self._launched():
                yield
            await asyncio.to_thread(self._store.close)
            await asyncio.to_thread(self._journal.close)

    @contextlib.asynccontextmanager
    async def _launched(self) -> AsyncIterator[None]:
        with durability.one_at_a_time(self._url):
            await asyncio.to_thread(self._store.open)
            await asyncio.to_thread(self._journal.open)
            if self._fleet is None:
                await self._recovery.count_deaths()
            await durability.launch(self._url, self._concurrency, self._me)
        watch: asyncio.Task[None] | None = None
        try:
            if self._fleet is None:
                await self._recovery.after_restart()
            else:
                await asyncio.to_thread(self._fleet.join)
                watch = asyncio.create_task(self._fleet.watch(self._recovery, self._store, self._announcer))
            yield
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
            await self._stop()

    async def start(
        self,
        pipeline: Pipeline,
        source: str,
        inputs: Mapping[str, Any],
        options: Options | None = None,
        *,
        run_id: str = "",
        new_id: str = "",
    ) -> RunRow:
        """Queue a run, or begin it at once.

        Args:
            pipeline: what to run.
            source: the text of its file; the run keeps it, whatever happens to the file.
            inputs: complete and checked.
            options: how it differs from an ordinary run.
            run_id: id of a run that has waited its turn elsewhere and begins now; by default a new one is queued.
            new_id: id of a run that is queued; one of its own by default.
        """
        row = new_row(pipeline, source, inputs, options)
        return await self._begin(row, pipeline, new_id=run_id or new_id, at_once=bool(run_id))

    async def _begin(
        self,
        row: RunRow,
        pipeline: Pipeline,
        reused: Mapping[str, Record] | None = None,
        *,
        new_id: str = "",
        inside: bool = False,
        at_once: bool = False,
    ) -> RunRow:
        """Keep a run and queue it.

        Args:
            row: the run.
            pipeline: what it runs.
            reused: results of steps of its origin.
            new_id: its id; that of the row by default.
            inside: whether what was finished inside the other steps of its origin is used again, too.
            at_once: whether it begins without waiting in the queue.
        """
        row = replace(row, id=new_id or row.id, owner=self._me)
        await asyncio.to_thread(self._journal.put, row.id, FILES, dict(pipeline.files))
        if inside:
            for path, record in (await asyncio.to_thread(self._journal.successes, row.options.origin)).items():
                await asyncio.to_thread(self._journal.put, row.id, path, record)
        await asyncio.to_thread(self._store.insert, row, reused)
        self._announcer.opened(row)
        await (begin(row) if at_once else enqueue(row))
        return row

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call a function whenever a run has ended."""
        self._announcer.on_end = listener

    async def retry(self, run_id: str, priority: int | None = None, new_id: str = "") -> RunRow:
        """Start a run anew from where it failed or stopped; the results of the steps before are used again.

        Args:
            run_id: a run that failed or was cancelled.
            priority: of the new run; that of the old one by default.
            new_id: of the new run; one of its own by default.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it is not over, or completed.
        """
        row = await self.get(run_id)
        if row.status not in {"failed", "cancelled"}:
            raise IllegalStateError(_refusal(row, "retry", "failed or cancelled"))
        found = continuing.kept(await continuing.records(run_id), "")
        options = continuing.continued(row.options, run_id, "retry", "", priority)
        pipeline = pipeline_of(row, await self._files(run_id))
        wanted = again(row, pipeline, row.source, options)
        return await self._begin(wanted, pipeline, found, new_id=new_id, inside=True)

    async def replay(
        self, run_id: str, first: str, edits: Edits, priority: int | None = None, new_id: str = ""
    ) -> RunRow:
        """Start a run anew from a step, with changed steps; the results of the steps before are used again.

        Args:
            run_id: a run that is over.
            first: the step to begin with; empty for the first that changed.
            edits: new values of keys by step.
            priority: of the new run; that of the old one by default.
            new_id: of the new run; one of its own by default.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it is not over.
            EditError: the edited pipeline is not right.
        """
        row = await self.get(run_id)
        if row.status in ACTIVE:
            raise IllegalStateError(_refusal(row, "replay", "over"))
        pipeline, source = continuing.edited(row, edits, await self._files(run_id))
        begin = continuing.first_of(pipeline, first, list(edits))
        found = continuing.kept(await continuing.records(run_id), begin) if begin else {}
        options = continuing.continued(row.options, run_id, "replay", begin, priority)
        return await self._begin(again(row, pipeline, source, options), pipeline, found, new_id=new_id)

    async def _files(self, run_id: str) -> dict[str, str]:
        """Texts of the nested pipelines of a run."""
        return await asyncio.to_thread(self._journal.get, run_id, FILES) or {}

    async def get(self, run_id: str) -> RunRow:
        """A run.

        Raises:
            UnknownRunError: there is none.
        """
        row = await asyncio.to_thread(self._store.get, run_id)
        if row is None:
            raise UnknownRunError(f"there is no run '{run_id}'")
        return row

    async def list(self, limit: int, *, active: bool, before: Position = NOW) -> list[RunRow]:
        """The newest runs before a position, newest first."""
        return await asyncio.to_thread(self._store.newest, limit, active=active, before=before)

    async def hint(self, row: RunRow) -> str:
        """Why a run stands still and what to do; empty if nothing keeps it."""
        if row.status not in ACTIVE or row.engine == durability.APPLICATION_VERSION:
            return ""
        engines = await asyncio.to_thread(self._fleet.engines) if self._fleet else {durability.APPLICATION_VERSION}
        if row.engine in engines:
            return ""
        return (
            f"the run was begun by {row.engine} of the runner, and here is {', '.join(sorted(engines))}, which would "
            "count its steps differently: start a runner of that version, or cancel the run and retry it, which uses "
            "its results again"
        )

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
            if await self._change("withdraw_pause", run_id) or await self._resumed_inside(run_id):
                return await self.get(run_id)
            await self._bodies.unwound(run_id)
            if not await self._change("resume", run_id):
                raise IllegalStateError(_refusal(await self.get(run_id), "resume", "paused"))
            await DBOS.resume_workflow_async(run_id, queue_name=durability.QUEUE)
            row = await self.get(run_id)
            self._announcer.status(row)
            return row

    async def _resumed_inside(self, run_id: str) -> bool:
        """Go on with a Python program that stands still: it has kept its place in the queue."""
        if (await self.get(run_id)).kind != "python":
            return False
        found = await DBOS.get_workflow_status_async(run_id)
        alive = found is not None and found.status == "PENDING"
        return alive and await self._change("resume_inside", run_id)

    async def cancel(self, run_id: str) -> RunRow:
        """End a run now; a model call that is under way is broken off.

        Raises:
            UnknownRunError: there is no such run.
            IllegalStateError: it has ended already.
        """
        async with self._lock(run_id):
            if not await asyncio.to_thread(self._store.cancel, run_id, self._me):
                raise IllegalStateError(_refusal(await self.get(run_id), "cancel", "waiting, running or paused"))
            self._bodies.abort(run_id)
            await DBOS.cancel_workflow_async(run_id, cancel_children=True)
            await self._bodies.unwound(run_id)
            row = await self.get(run_id)
            self._announcer.ended(row)
            return row

    async def _change(self, name: str, run_id: str) -> bool:
        changed = await asyncio.to_thread(self._store.change, name, run_id)
        self._bodies.tell(run_id)
        return changed

    async def _stop(self) -> None:
        self._bodies.stopping = True
        await durability.land()
        await self._bodies.end()
        Current.interpret = None
        if self._fleet is None:
            await asyncio.to_thread(self._store.release, self._me)
        else:
            await asyncio.to_thread(self._fleet.leave)
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
    return ["replay"] if row.status == "completed" else ["retry", "replay"]


def _refusal(row: RunRow, action: str, needed: str) -> str:
    state = f"{row.status}, with a pause under way" if row.pending else row.status
    return f"run {row.id} is {state}; only a run that is {needed} can be told to {action}"
