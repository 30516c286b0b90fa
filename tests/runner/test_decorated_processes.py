"""Pause and cancel reach the parts of a run that work in other processes; their steps are numbered with the others."""

import os
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from quarterdeck import semconv
from support.otlp_receiver import Receiver
from support.runner import Runner, eventually
from support.servers import serve

PROGRAM = """
    import multiprocessing, os, sys, time
    from concurrent.futures import ProcessPoolExecutor
    import quarterdeck as qd
    from quarterdeck import control
    control.HEARTBEAT_S = 0.05

    @qd.step
    def tick(path):
        with open(path, "a") as file:
            file.write(".")
        time.sleep(0.01)

    def work(path):
        while not os.path.exists(path + ".stop"):
            tick(path)
        return "worked"

    def main():
        way, method, url, runner, path = sys.argv[1:]
        qd.init(url, runner_url=runner)
        context = multiprocessing.get_context(method)
        with qd.pipeline("outer") as run:
            print(run.id, flush=True)
            with qd.step("before"):
                pass
            try:
                if way == "pool":
                    with ProcessPoolExecutor(2, mp_context=context) as pool:
                        print(list(pool.map(work, [path] * 2)), flush=True)
                elif way == "carry":
                    with context.Pool(2) as pool:
                        print(pool.map(qd.carry(work), [path] * 2), flush=True)
                else:
                    process = context.Process(target=work, args=(path,))
                    process.start()
                    process.join()
            except qd.RunCancelled as error:
                print(error, flush=True)
                raise
            with qd.step("after"):
                pass

    if __name__ == "__main__":
        main()
"""
WAYS = [("pool", "fork"), ("pool", "spawn"), ("carry", "fork"), ("process", "fork")]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@dataclass
class Program:
    """A program of a user, with the id of its run."""

    process: "subprocess.Popen[str]"
    run: str
    ticks: Path


Start = Callable[..., AbstractContextManager[Program]]


@pytest.fixture
def start(runner: Runner, receiver: Receiver, tmp_path: Path) -> Iterator[Start]:
    with serve(receiver.app()) as url:
        yield lambda way, method: program(tmp_path, way, method, url, str(runner.http.base_url))


@contextmanager
def program(tmp_path: Path, *words: str) -> Iterator[Program]:
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, str(file), *words, str(tmp_path / "ticks")]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield Program(process, process.stdout.readline().strip(), tmp_path / "ticks")
        finally:
            process.kill()
    assert list(temporary.glob("quarterdeck*")) == []


def still(file: Path) -> int:
    """The size of a file that no longer grows; 0 while it does."""
    before = size(file)
    threading.Event().wait(0.2)
    return before if size(file) == before else 0


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def steps(receiver: Receiver) -> list[int]:
    return sorted(
        int(span["attributes"][semconv.STEP_INDEX]) for span in receiver.spans() if span["name"].startswith("step")
    )


def until_it_works(runner: Runner, running: Program) -> None:
    eventually(lambda: size(running.ticks) > 5 and runner.http.get(f"/v1/runs/{running.run}").status_code == 200)


@pytest.mark.parametrize(("way", "method"), WAYS)
def test_a_pause_reaches_other_processes_and_their_steps_count(
    way: str, method: str, runner: Runner, receiver: Receiver, start: Start
) -> None:
    with start(way, method) as running:
        until_it_works(runner, running)
        runner.tell(running.run, "pause")
        runner.until(running.run, status="paused", pending=None)
        quiet = eventually(lambda: still(running.ticks))
        runner.tell(running.run, "resume")
        runner.until(running.run, status="running")
        eventually(lambda: size(running.ticks) > quiet + 5)
        running.ticks.with_suffix(".stop").touch()
        assert running.process.wait(90) == 0
        runner.until(running.run, status="completed")
    ended = size(running.ticks) + 2
    assert steps(receiver) == list(range(1, ended + 1))


@pytest.mark.parametrize(("way", "method"), WAYS[:3])
def test_cancel_ends_the_steps_of_other_processes_and_the_run(
    way: str, method: str, runner: Runner, receiver: Receiver, start: Start
) -> None:
    with start(way, method) as running:
        until_it_works(runner, running)
        runner.tell(running.run, "cancel")
        said, errors = running.process.communicate(timeout=90)
        assert said == f"run {running.run} was cancelled\n"
        assert "RunCancelled" in errors
        runner.until(running.run, status="cancelled")
    (root,) = [span for span in receiver.spans() if span["name"] == "invoke_workflow outer"]
    assert root["attributes"][semconv.RUN_STATUS] == "cancelled"
    names = Counter(span["name"] for span in receiver.spans())
    assert (names["step before"], names["step after"]) == (1, 0)
