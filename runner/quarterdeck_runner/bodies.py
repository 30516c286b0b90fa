"""What executes in this process: the tasks of each run, and how to break them off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, TypeVar

from dbos import error as dbos_error

UNWIND_S: Final = 5.0

T = TypeVar("T")


class Bodies:
    """Executions in this process, by run id."""

    def __init__(self) -> None:
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}
        self._aborts: dict[str, set[asyncio.Future[None]]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self.stopping = False

    @contextlib.asynccontextmanager
    async def inside(self, run_id: str) -> AsyncIterator[None]:
        """Count the current task as an execution of the run until the block ends."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        self._tasks.setdefault(run_id, set()).add(task)
        try:
            yield
        finally:
            self._tasks[run_id].discard(task)
            if not self._tasks[run_id]:
                del self._tasks[run_id]

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._tasks

    async def abortable(self, run_id: str, work: Awaitable[T]) -> T:
        """Run until done or aborted: DBOS itself looks for cancelled runs once a second, we need not wait for it.

        Raises:
            DBOSWorkflowCancelledError: aborted. DBOS does not record it: should the run go on, the step is done again.
        """
        signal = asyncio.get_running_loop().create_future()
        self._aborts.setdefault(run_id, set()).add(signal)
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, signal}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise dbos_error.DBOSWorkflowCancelledError(f"run {run_id} was cancelled")
        finally:
            self._aborts[run_id].discard(signal)
            if not self._aborts[run_id]:
                del self._aborts[run_id]
            await _ended(task)

    def abort(self, run_id: str) -> None:
        """Break off what a run does here."""
        for signal in self._aborts.get(run_id, ()):
            if not signal.done():
                signal.set_result(None)

    def news(self, run_id: str) -> asyncio.Event:
        """Is set when the row of a run was changed by a command here."""
        return self._news.setdefault(run_id, asyncio.Event())

    def forget_news(self, run_id: str) -> None:
        """Nobody listens for commands to this run any more."""
        self._news.pop(run_id, None)

    def tell(self, run_id: str) -> None:
        """Say that the row of a run was changed."""
        if run_id in self._news:
            self._news[run_id].set()

    async def unwound(self, run_id: str) -> None:
        """Wait until no execution of the run is left in this process."""
        tasks = self._tasks.get(run_id)
        if tasks:
            await asyncio.wait(set(tasks), timeout=UNWIND_S)

    async def end(self) -> None:
        """Break everything off; the runs go on after the next start."""
        tasks = {task for found in self._tasks.values() for task in found}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=UNWIND_S)


async def _ended(task: "asyncio.Future[Any]") -> None:
    """End a task and wait until it is over, however often that is cancelled: DBOS cancels, too, in its own time."""
    task.cancel()
    again: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            again = error
    if again is not None:
        raise again
