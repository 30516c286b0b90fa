"""A program is killed in the middle of a run: everybody says within ten seconds that the run is lost."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck_ui.live_state import fold
from quarterdeck_ui.queries import Store, bootstrap_events, recent_runs
from quarterdeck_ui.runs_view import build
from support.collectors import CollectorProcess, collector
from support.waiting import eventually

PROGRAM = """
    import sys, time
    import quarterdeck as qd

    qd.init(sys.argv[1])
    with qd.pipeline(sys.argv[2]) as run:
        with qd.step("over"):
            pass
        with qd.step("under way"):
            print(run.id, flush=True)
            sys.stdin.readline()
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[CollectorProcess]:
    with collector(tmp_path / "data") as process:
        yield process


@contextmanager
def program(endpoint: str, name: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A decorated program in the middle of a step, and the id of its run."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), endpoint, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def by_hand(collector: CollectorProcess) -> dict[str, str]:
    """What the table to read by hand says of each run."""
    lines = collector.sql("SELECT id, status FROM pipeline_executions").splitlines()
    return dict(line.split("\t") for line in lines)


def on_the_deck(collector: CollectorProcess) -> dict[str, str]:
    """What a dashboard that is opened now shows of each run."""
    store = Store(collector.clickhouse, "quarterdeck")
    now = time.time_ns()
    state = fold({}, bootstrap_events(store, now - 900 * 10**9))
    return {run.id: run.status for run in build(recent_runs(store, now - 10**12), state, {}, now)}


def last_heard(collector: CollectorProcess, run: str) -> float:
    """When the collector last heard of a run, seconds since the epoch."""
    return int(collector.sql("SELECT max(Position) FROM live_events WHERE RunId = {run:String}", run=run)) / 1e9


def both(collector: CollectorProcess) -> tuple[dict[str, str], dict[str, str]]:
    return by_hand(collector), on_the_deck(collector)


def test_a_killed_run_is_lost_and_one_that_was_merely_silent_comes_back(running: CollectorProcess) -> None:
    with program(running.otlp, "killed") as (doomed, killed), program(running.otlp, "silent") as (patient, silent):
        eventually(lambda: both(running) == ({killed: "running", silent: "running"},) * 2)
        doomed.kill()
        at = time.time()
        patient.send_signal(signal.SIGSTOP)  # as if the network were gone
        eventually(lambda: both(running) == ({killed: "lost", silent: "lost"},) * 2)
        assert last_heard(running, killed) + 8 <= at + 10  # what makes it lost lies within ten seconds

        patient.send_signal(signal.SIGCONT)
        eventually(lambda: both(running) == ({killed: "lost", silent: "running"},) * 2)
        patient.communicate("\n", timeout=90)
        eventually(lambda: both(running) == ({killed: "lost", silent: "completed"},) * 2)
