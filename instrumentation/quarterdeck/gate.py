"""What the runner wants of one run; its steps pass through here, in whatever thread, task or process they are."""

import asyncio
import concurrent.futures
import logging
import threading
import time
import types
from collections.abc import Awaitable, Generator
from typing import Any, Final

from quarterdeck.board import CANCEL, PAUSE, Board
from quarterdeck.context import Run
from quarterdeck.guard import guarded

log: Final = logging.getLogger("quarterdeck")

_POLL_S: Final = 0.05
_ORPHANED_S: Final = 10.0
"""Silence of the process that leads a run after which a part of it elsewhere no longer waits for a word."""


class RunCancelled(asyncio.CancelledError):
    """The run was cancelled from outside; raised at the next step boundary, and where a coroutine of the run waits.

    Task groups, ``gather`` and timeouts of asyncio take it for the cancellation that it is.
    """


class Presence:
    """A task that works for the run.

    Args:
        task: the task.
    """

    __slots__ = ("depth", "hold", "interrupted", "steered", "task")

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self.task = task
        self.depth = 0
        self.steered = self.hold = self.interrupted = False


class Gate:
    """What the runner wants of one run.

    Args:
        board: where another process says it; by default this process leads the run.
    """

    def __init__(self, board: Board | None = None) -> None:
        self.board = board
        self.leads = board is None
        self._wanted = ""
        self._changed = threading.Condition()
        self._present: dict[asyncio.Task[Any], Presence] = {}
        self._standing = 0
        self._stands_elsewhere = False
        self._before = "running"
        self._said = False

    @property
    def wanted(self) -> str:
        """``pause``, ``cancel`` or nothing."""
        return self._wanted if self.leads or self.board is None else self.board.wanted

    @property
    def closed(self) -> bool:
        """Whether who comes by has to wait or to give up."""
        return self.wanted != ""

    @property
    def paused(self) -> bool:
        """Whether the run is to stand still."""
        return self.wanted == PAUSE

    @property
    def cancelled(self) -> bool:
        """Whether the run is to end."""
        return self.wanted == CANCEL

    def obey(self, command: str, run: Run) -> None:
        """Take a command: ``pause``, ``resume`` or ``cancel``, which is final."""
        if self.cancelled or command not in {PAUSE, CANCEL, "resume"}:
            return
        with self._changed:
            self._wanted = "" if command == "resume" else command
            if self.board is not None:
                self.board.wanted = self._wanted
            self._changed.notify_all()
        if command != PAUSE and self._stands_elsewhere:
            self._stands_elsewhere = False
            self._go(run)
        if command == CANCEL:
            for presence in list(self._present.values()):
                with guarded("interrupt a task of a cancelled run"):
                    presence.task.get_loop().call_soon_threadsafe(_interrupt, presence)

    def look_elsewhere(self, run: Run) -> None:
        """Learn whether a part of the run in another process stands still, and show those parts that we live."""
        if self.board is None:
            return
        self.board.live()
        if self.paused and self.board.standing and not self._stands_elsewhere:
            self._stands_elsewhere = True
            self._stand(run)

    def shared(self, board: Board) -> None:
        """Speak to other processes from now on."""
        with self._changed:
            board.wanted = self._wanted
            self.board = board

    def follow(self) -> None:
        """Take the word of the process that this one was forked from."""
        self._changed, self._present, self._standing = threading.Condition(), {}, 0
        self._wanted, self.leads = "", False

    def check(self, run: Run) -> None:
        """Raise if the run is cancelled.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self.cancelled:
            raise _cancelled(run.id)

    def wait(self, run: Run) -> None:
        """Block while the run is paused, unless this thread drives an event loop: then the task waits where it can.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self.paused:
            if _in_event_loop():
                self._hold(run)
            else:
                self._stand_still(run)
        self.check(run)

    def _hold(self, run: Run) -> None:
        task = _current_task()
        presence = self._present.get(task) if task is not None else None
        if presence is not None and presence.steered:
            presence.hold = True
        elif not self._said:
            self._said = True
            log.warning("run %s cannot pause where a step of an event loop is entered without async", run.id)

    def _stand_still(self, run: Run) -> None:
        self._stand(run)
        try:
            if self.leads:
                with self._changed:
                    self._changed.wait_for(lambda: not self.paused)
            else:
                patience = _Patience(self.board)
                while self.paused and patience.lasts():
                    time.sleep(_POLL_S)
        finally:
            self._go(run)

    async def wait_async(self, run: Run) -> None:
        """Wait while the run is paused.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self.paused:
            self._stand(run)
            patience = _Patience(None if self.leads else self.board)
            try:
                # The command comes from a thread that knows no event loop, or from another process.
                while self.paused and patience.lasts():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(_POLL_S)
            finally:
                self._go(run)
        self.check(run)

    def _stand(self, run: Run) -> None:
        with self._changed:
            self._standing += 1
            if self._standing == 1:
                self._before = run.status
        if self.board is not None and not self.leads:
            self.board.standing = True
        run.status = "paused"

    def _go(self, run: Run) -> None:
        with self._changed:
            self._standing -= 1
            last = not self._standing
        if last and run.status == "paused":
            run.status = self._before

    def enter(self) -> Presence | None:
        """Note that the current task works for the run, to interrupt its waiting when the run is cancelled."""
        task = _current_task()
        if task is None:
            return None
        presence = self._present.get(task)
        if presence is None:
            presence = self._present[task] = Presence(task)
        presence.depth += 1
        if self.cancelled:
            task.get_loop().call_soon(_interrupt, presence)
        return presence

    def leave(self, presence: Presence | None) -> None:
        """Note that the task no longer does."""
        if presence is None:
            return
        presence.depth -= 1
        if not presence.depth:
            self._present.pop(presence.task, None)
            if presence.interrupted:
                presence.task.uncancel()

    def translated(self, error: BaseException, run_id: str) -> BaseException:
        """What ``error`` means: the interruption that our own cancel caused is a :class:`RunCancelled`."""
        interruption = isinstance(error, (asyncio.CancelledError, concurrent.futures.CancelledError))
        if not interruption or isinstance(error, RunCancelled) or not self.cancelled:
            return error
        return _cancelled(run_id).with_traceback(error.__traceback__)

    @types.coroutine
    def steered(self, inner: Awaitable[Any], run: Run) -> Generator[Any, Any, Any]:
        """Await ``inner`` as a part of the run that can be interrupted, and that can be held where it waits anyway."""
        presence = self.enter()
        if presence is None or presence.steered:
            try:
                return (yield from inner.__await__())
            finally:
                self.leave(presence)
        presence.steered = True
        try:
            return (yield from self._steer(presence, inner.__await__(), run))
        finally:
            presence.steered = False
            self.leave(presence)

    def _steer(self, presence: Presence, inner: Generator[Any, Any, Any], run: Run) -> Generator[Any, Any, Any]:
        given: Any = None
        advance: Any = inner.send
        while True:
            try:
                waited = advance(given)
            except StopIteration as stop:
                return stop.value
            try:
                given, advance = (yield waited), inner.send
                if presence.hold:
                    presence.hold = False
                    yield from self.wait_async(run).__await__()
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the user's coroutine
                given, advance = self.translated(error, run.id), inner.throw


class _Patience:
    """How long to wait for the word of another process: as long as that one lives.

    Args:
        board: where it shows that it does; None where there is nobody to wait for.
    """

    def __init__(self, board: Board | None) -> None:
        self._board = board
        self._seen = board.beats if board is not None else 0
        self._since = time.monotonic()

    def lasts(self) -> bool:
        """Whether the other one has shown itself lately."""
        if self._board is None:
            return True
        if self._board.beats != self._seen:
            self._seen, self._since = self._board.beats, time.monotonic()
        return time.monotonic() - self._since < _ORPHANED_S


def _cancelled(run_id: str) -> RunCancelled:
    return RunCancelled(f"run {run_id} was cancelled")


def _interrupt(presence: Presence) -> None:
    """Interrupt what a task waits for; in its event loop, so that it is known whether it still works for the run."""
    if presence.depth and not presence.interrupted:
        presence.interrupted = True
        presence.task.cancel()


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _current_task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
