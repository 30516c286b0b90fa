"""Obey pause, resume and cancel from the runner; without a runner nothing changes."""

import asyncio
import http.client
import json
import logging
import os
import threading
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from quarterdeck.addresses import bearer
from quarterdeck.context import Run
from quarterdeck.guard import guarded

log: Final = logging.getLogger("quarterdeck")

HEARTBEAT_S: Final = 1.0
_TIMEOUT_S: Final = 2.0
_PAUSE_POLL_S: Final = 0.05
_MAX_ENDED: Final = 1_000
"""How many ended runs wait for a runner that does not answer."""


class RunCancelled(BaseException):
    """The run was cancelled from outside; raised at the next step boundary."""


class Gate:
    """What the runner wants of one run; steps pass through it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self.cancelled = False

    def watch_task(self) -> None:
        """Remember the task of an asynchronous run, to interrupt its waiting when it is cancelled."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return
        if task is not None:
            self._task = (task.get_loop(), task)

    def obey(self, command: str) -> None:
        """Take a command: ``pause``, ``resume`` or ``cancel``."""
        with self._changed:
            if command == "cancel":
                first, self.cancelled, self._paused = not self.cancelled, True, False
                if first and self._task is not None:
                    loop, task = self._task
                    with guarded("cancel the task of a run"):
                        loop.call_soon_threadsafe(task.cancel)
            elif command in {"pause", "resume"}:
                self._paused = command == "pause"
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether who comes by has to wait or to give up."""
        return self._paused or self.cancelled

    def paused(self) -> bool:
        """Whether the run is to stand still."""
        return self._paused

    def check(self, run: Run) -> None:
        """Raise if the run is cancelled.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self.cancelled:
            raise RunCancelled(f"run {run.id} was cancelled")

    def wait(self, run: Run) -> None:
        """Block while the run is paused, unless this thread drives an event loop.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self._paused and not _in_event_loop():
            run.status = "paused"
            with self._changed:
                self._changed.wait_for(lambda: not self._paused)
            run.status = "running"
        self.check(run)

    async def wait_async(self, run: Run) -> None:
        """Wait while the run is paused.

        Raises:
            RunCancelled: the run was cancelled.
        """
        if self.paused():
            run.status = "paused"
            while self.paused():  # noqa: ASYNC110 - the command comes from a thread that knows no event loop
                await asyncio.sleep(_PAUSE_POLL_S)
            run.status = "running"
        self.check(run)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Commander(Protocol):
    """Whoever may pause, resume and cancel the runs of this process."""

    def opened(self, run: Run, gate: Gate) -> None:
        """A run begins; commands go to its gate."""

    def changed(self) -> None:
        """A status changed."""

    def closed(self, run: Run) -> None:
        """A run has ended."""

    def close(self) -> None:
        """Telemetry stops."""

    def after_fork(self) -> None:
        """This is a forked child: the runs belong to the parent."""


class Control:
    """Heartbeats of the open runs, and the commands in the replies.

    Args:
        runner_url: base URL of the runner.
        service_name: name of this program.
        token: token for a runner that asks for one; empty for none.
    """

    def __init__(self, runner_url: str, service_name: str, token: str = "") -> None:
        self._url = f"{runner_url}/v1/heartbeats"
        self._headers = {"Content-Type": "application/json", **bearer(token)}
        self._service = service_name
        self._runs: dict[str, tuple[Run, Gate]] = {}
        self._ended: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._away = False

    def opened(self, run: Run, gate: Gate) -> None:
        """Report a run from now on."""
        with self._lock:
            self._runs[run.id] = (run, gate)
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._work, name="quarterdeck-control", daemon=True)
                self._thread.start()
        self._wake.set()

    def changed(self) -> None:
        """Report at once: a status changed."""
        self._wake.set()

    def closed(self, run: Run) -> None:
        """Report the terminal status once, then no more."""
        with self._lock:
            if self._runs.pop(run.id, None) is not None:
                self._ended = [*self._ended[-_MAX_ENDED + 1 :], self._describe(run)]
        self._wake.set()

    def close(self) -> None:
        """Send what is left and stop."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_TIMEOUT_S + 1)

    def after_fork(self) -> None:
        """Start afresh in a forked child: the runs belong to the parent."""
        self._lock, self._wake, self._thread = threading.Lock(), threading.Event(), None
        self._runs, self._ended = {}, []

    def _work(self) -> None:
        pid = os.getpid()
        while not self._stopping and pid == os.getpid():
            self._wake.wait(HEARTBEAT_S if self._runs or self._ended else None)
            self._wake.clear()
            with guarded("talk to the runner"):
                self._beat()
        if self._ended and pid == os.getpid():
            with guarded("tell the runner about the last runs"):
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
            runs = [self._describe(run) for run, _ in self._runs.values()]
        if not runs and not ended:
            return
        reply = self._post({"service": self._service, "runs": [*runs, *ended]})
        if reply is None:
            with self._lock:
                self._ended = (ended + self._ended)[-_MAX_ENDED:]
            return
        for run_id, command in reply.get("commands", {}).items():
            found = self._runs.get(run_id)
            if found is not None:
                found[1].obey(command)

    def _post(self, body: dict[str, Any]) -> dict[str, Any] | None:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked when the URL was configured
            self._url, json.dumps(body).encode(), self._headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - as above
                reply = json.load(response)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if not self._away:
                log.info("the runner at %s does not answer (%s); the run goes on without control", self._url, error)
            self._away = True
            return None
        self._away = False
        return reply if isinstance(reply, dict) else {}

    def _describe(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "pipeline": run.pipeline,
            "status": run.status,
            "trace_id": run.trace_id,
            "current_step": run.current_step or None,
            "started_at": datetime.fromtimestamp(run.started_ns / 1e9, UTC).isoformat(),
        }
