"""The child's end of the line to the runner: commands come in, reports go out, and silence means death."""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import Any, Final

from quarterdeck.context import Run
from quarterdeck.gate import Gate

_LOOK_S: Final = 0.1
_PR_SET_PDEATHSIG: Final = 1


class Link:
    """Commander of the one run of this process, by way of the line instead of HTTP.

    Args:
        line: connected to the runner.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._reader = line.makefile("r", encoding="utf-8")
        self._sending = threading.Lock()
        self._run: Run | None = None
        self._gate: Gate | None = None
        self._early: list[str] = []
        self._told: tuple[str, str] = ("running", "")

    def job(self) -> dict[str, Any]:
        """Read what to do; from then on listen for commands."""
        job: dict[str, Any] = json.loads(self._reader.readline())
        threading.Thread(target=self._listen, name="quarterdeck-link", daemon=True).start()
        threading.Thread(target=self._report, name="quarterdeck-report", daemon=True).start()
        return job

    def send(self, message: dict[str, Any]) -> None:
        """Tell the runner something."""
        with self._sending:
            self._line.sendall(json.dumps(message).encode() + b"\n")

    def opened(self, run: Run, gate: Gate) -> None:
        """The run begins: commands that came before reach it now."""
        self._run, self._gate = run, gate
        for command in self._early:
            gate.obey(command, run)

    def changed(self) -> None:
        """The status of the run changed."""
        self._look()

    def closed(self, _run: Run) -> None:
        """The run is over; its result goes another way."""

    def close(self) -> None:
        """Nothing is left to say."""

    def after_fork(self) -> None:
        """A forked child of the program does not speak for it."""
        self._run = None

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for text in self._reader:
                command = json.loads(text)["command"]
                if self._gate is None or self._run is None:
                    self._early.append(command)
                else:
                    self._gate.obey(command, self._run)
        # The runner is gone. Its successor does this run again: not beside this one.
        os.killpg(0, signal.SIGKILL)

    def _report(self) -> None:
        while True:
            select.select([], [], [], _LOOK_S)
            with contextlib.suppress(OSError):
                self._look()

    def _look(self) -> None:
        if self._run is not None and self._gate is not None:
            self._gate.look_elsewhere(self._run)
            now = (self._run.status, self._run.current_step)
            if now != self._told:
                self._told = now
                self.send({"status": now[0], "step": now[1]})


def die_with_parent() -> None:
    """Be killed when the runner is, even while C code holds the interpreter; only Linux can do that."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)


def be_first_to_go(memory_mb: int) -> None:
    """When memory runs out, let the system take this process and not the runner.

    Args:
        memory_mb: how much memory the process may take, in MiB; 0 for no limit.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - no path to think about
        file.write("1000")
    if memory_mb:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
