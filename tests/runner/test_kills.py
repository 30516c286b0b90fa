"""kill -9 at any point: no run is lost, no finished step is done again, nothing is told under another id."""

import json
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from support.otlp_receiver import Receiver
from support.runner import PATIENCE, eventually, process
from support.servers import serve

STEPS = ("one", "two", "three", "four", "five")
PIPELINE = "workflow:\n  name: struck\n  inputs: {mark: {type: string}}\n  steps:\n" + "".join(
    f'    - {{name: {step}, type: {kind}, prompt: "[[n:8]][[delay:0.02]] {{{{ inputs.mark }}}}/{step}"}}\n'
    for step, kind in zip(STEPS, ("claude", "gemini", "claude", "claude", "gemini"), strict=True)
)
RUNS = 6
KILLS = 3

ENDLESS = """
import os, time
import quarterdeck as qd

@qd.pipeline
def endless(mark: str):
    while True:
        with open(mark, "a") as file:
            file.write(f"{os.getpid()} {time.monotonic_ns()}\\n")
        time.sleep(0.01)
"""


def asked(stand_in: str) -> Counter[str]:
    """How often each step of each run asked its model."""
    bodies = [json.dumps(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json()]
    return Counter(body.split("struck-")[1].split('"')[0] for body in bodies if "struck-" in body)


def finished(data: Path) -> set[str]:
    """What the engine has recorded as finished, as ``mark/step``."""
    with closing(sqlite3.connect(data / "runner.sqlite")) as connection:
        rows = connection.execute(
            "SELECT inputs, function_name FROM quarterdeck_runs JOIN operation_outputs ON workflow_uuid = id"
        ).fetchall()
    return {f"{json.loads(inputs)['mark'].removeprefix('struck-')}/{step}" for inputs, step in rows}


# A start of a process takes seconds on a busy machine, and there are four.
@pytest.mark.timeout(300)
def test_kills_at_random_points(tmp_path: Path, provider_environment: dict[str, str], stand_in: str) -> None:
    chance, receiver = random.Random(11), Receiver()  # noqa: S311 - where to kill is no secret
    frozen: dict[str, int] = {}
    ids: list[str] = []
    with serve(receiver.app()) as collector:
        environment = {**provider_environment, "QUARTERDECK_ENDPOINT": collector}
        for _ in range(KILLS):
            with process(tmp_path, environment, "--runner-concurrency", "3") as (running, runner):
                if not ids:
                    runner.pipeline(PIPELINE)
                    ids = [runner.start("struck", mark=f"struck-{number}") for number in range(RUNS)]
                target = sum(asked(stand_in).values()) + chance.randint(2, 9)
                _wait_for_calls(stand_in, target)
                running.send_signal(signal.SIGKILL)
                running.wait()
            counts = asked(stand_in)
            # What was recorded before an earlier kill was not asked again since.
            assert {step: counts[step] for step in frozen} == frozen
            frozen = {step: counts[step] for step in finished(tmp_path)}
        assert 0 < len(frozen) < RUNS * len(STEPS)
        with process(tmp_path, environment, "--runner-concurrency", "3") as (running, runner):
            results = [runner.result(run_id) for run_id in ids]
            assert {(run["status"], run["steps_done"]) for run in results} == {("completed", len(STEPS))}
            counts = asked(stand_in)
            assert {step: counts[step] for step in frozen} == frozen
            assert set(counts) == {f"{number}/{step}" for number in range(RUNS) for step in STEPS}
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE) == 0
    roots = {(span["trace_id"], span["span_id"]) for span in receiver.spans() if span["name"].startswith("invoke")}
    assert sorted(trace for trace, _ in roots) == sorted(run["trace_id"] for run in results)
    assert {span["trace_id"] for span in receiver.spans()} == {run["trace_id"] for run in results}


def test_a_program_dies_with_its_runner_and_is_done_again_alone(tmp_path: Path) -> None:
    (tmp_path / "endless_of_test.py").write_text(ENDLESS)
    mark = tmp_path / "mark"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    flags = ("--module", "endless_of_test")

    def lines() -> list[tuple[int, int]]:
        return [(int(pid), int(at)) for pid, at in map(str.split, mark.read_text().splitlines())]

    with process(tmp_path, {"PYTHONPATH": path}, *flags) as (running, runner):
        run_id = runner.start("endless", mark=str(mark))
        eventually(lambda: mark.exists() and len(lines()) > 3)
        running.send_signal(signal.SIGKILL)
        running.wait()
        (first,) = {pid for pid, _ in lines()}
        assert eventually(lambda: not _lives(first))
    with process(tmp_path, {"PYTHONPATH": path}, *flags) as (_, runner):
        (second,) = eventually(lambda: {pid for pid, _ in lines()} - {first})
        assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"
        assert eventually(lambda: not _lives(second))
    assert max(at for pid, at in lines() if pid == first) < min(at for pid, at in lines() if pid == second)


def test_a_run_that_kills_its_runner_is_given_up(tmp_path: Path) -> None:
    """What else could it be than this run: it was in the same step each time."""
    (tmp_path / "endless_of_test.py").write_text(ENDLESS)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    run_id = ""
    for _ in range(3):
        with process(tmp_path, {"PYTHONPATH": path}, "--module", "endless_of_test") as (running, runner):
            run_id = run_id or runner.start("endless", mark=str(tmp_path / "mark"))
            runner.until(run_id, status="running")
            eventually(lambda: _owned(tmp_path))
            running.send_signal(signal.SIGKILL)
            running.wait()
    with process(tmp_path, {"PYTHONPATH": path}, "--module", "endless_of_test") as (_, runner):
        ended = runner.result(run_id)
        assert (ended["status"], ended["error"]) == (
            "failed",
            "the runner died 3 times while this run was in step 'endless': it is not tried again",
        )


def _wait_for_calls(stand_in: str, count: int) -> None:
    eventually(lambda: sum(asked(stand_in).values()) >= count)


def _owned(data: Path) -> bool:
    with closing(sqlite3.connect(data / "runner.sqlite")) as connection:
        found = connection.execute("SELECT owner, current_step FROM quarterdeck_runs").fetchall()
    return found == [("local", "endless")]


def _lives(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
