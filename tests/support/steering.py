"""Decorated runs in this process, and the runner that steers them."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import quarterdeck as qd
from quarterdeck.context import Run
from quarterdeck.testing import MemorySpans
from support.runner import Runner, eventually


@dataclass
class Steering:
    """What a test needs to steer runs of its own process as a user of the dashboard does."""

    runner: Runner
    memory: MemorySpans
    _runs: dict[str, Run] = field(default_factory=dict)
    _announced: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    _threads: list[threading.Thread] = field(default_factory=list)

    def here(self) -> None:
        """Say, from inside a run, that it runs."""
        run = qd.current_run()
        assert run is not None
        self._runs[run.id] = run
        self._announced.put(run.id)

    def known(self) -> str:
        """Wait until a run has said so and the runner knows it, and give its id."""
        run_id = self._announced.get(timeout=90)
        eventually(lambda: self.runner.http.get(f"/v1/runs/{run_id}").status_code == 200)
        return run_id

    def tell(self, run_id: str, command: str) -> None:
        """Press a button."""
        answer = self.runner.tell(run_id, command)
        assert answer.status_code == 202, answer.text

    def heard(self, run_id: str, command: str) -> None:
        """Wait until the program of a run, which does not obey yet, has been told to."""
        eventually(lambda: (gate := self._runs[run_id].gate) is not None and gate.wanted == command)

    def until(self, run_id: str, **wanted: Any) -> None:
        """Wait until the runner shows this of a run."""
        eventually(lambda: all(self.runner.run(run_id)[key] == value for key, value in wanted.items()))

    def start(self, work: Callable[[], Any]) -> "Outcome":
        """Do ``work`` in a thread of its own, as another part of a program would."""
        outcome = Outcome()
        thread = threading.Thread(target=outcome.of, args=(work,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return outcome

    def done(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()


class Outcome:
    """What came of some work."""

    def __init__(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Event()

    def of(self, work: Callable[[], Any]) -> None:
        """Do it."""
        try:
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - a test looks at it
            self.error = error
        self._done.set()

    def wait(self) -> "Outcome":
        """Wait until it is done."""
        assert self._done.wait(90), "still at work"
        return self
