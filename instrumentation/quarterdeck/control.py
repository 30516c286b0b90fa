"""Obey pause, resume and cancel from the runner; without a runner nothing changes."""

import encodings.idna  # noqa: F401 - looking up a host imports it, and a fork in that moment leaves it locked in the child
import http.client
import json
import logging
import os
import threading
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from quarterdeck.context import Run
from quarterdeck.gate import Gate
from quarterdeck.guard import guarded
from quarterdeck.otlp_target import bearer

log: Final = logging.getLogger("quarterdeck")

HEARTBEAT_S: Final = 1.0
_TIMEOUT_S: Final = 2.0
_BREATH_S: Final = 0.1
"""Shortest time between two reports, however much happens."""
_MAX_ENDED: Final = 1_000
"""How many ended runs wait for a runner that does not answer."""
_MAX_TOLD: Final = 1_000
"""How many runs one report tells of."""


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
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False

    def opened(self, run: Run, gate: Gate) -> None:
        """Report a run from now on."""
        with self._lock:
            self._runs[run.id] = (run, gate)
            if self._thread is None and not self._stop.is_set():
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
        """Send what is left and stop; what stands still goes on, as nobody could tell it to any more."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_TIMEOUT_S + 1)
        for run, gate in list(self._runs.values()):
            gate.obey("resume", run)

    def after_fork(self) -> None:
        """Start afresh in a forked child: the runs belong to the parent."""
        for _, gate in list(self._runs.values()):
            gate.follow()
        self._lock, self._wake, self._stop = threading.Lock(), threading.Event(), threading.Event()
        self._runs, self._ended, self._thread = {}, [], None

    def _work(self) -> None:
        pid = os.getpid()
        while not self._stop.is_set() and pid == os.getpid():
            self._wake.wait(HEARTBEAT_S if self._runs or self._ended else None)
            self._wake.clear()
            with guarded("talk to the runner"):
                self._beat()
            self._stop.wait(_BREATH_S)
        if self._ended and pid == os.getpid():
            with guarded("tell the runner about the last runs"):
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
            running = list(self._runs.values())
        for run, gate in running:
            gate.look_elsewhere(run)
        told = [self._describe(run) for run, _ in running] + ended
        for begin in range(0, len(told), _MAX_TOLD):
            reply = self._post({"service": self._service, "runs": told[begin : begin + _MAX_TOLD]})
            if reply is None:
                with self._lock:
                    missed = max(begin - len(running), 0)
                    self._ended = (ended[missed:] + self._ended)[-_MAX_ENDED:]
                return
            self._obey(reply.get("commands", {}))

    def _obey(self, commands: dict[str, str]) -> None:
        for run_id, command in commands.items():
            found = self._runs.get(run_id)
            if found is not None:
                run, gate = found
                gate.obey(command, run)

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
