"""Several runners on one Postgres database: they share the queue, and one goes on with what another left."""

import contextlib
import json
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from quarterdeck_runner.durability import APPLICATION_VERSION
from support.postgres import binaries, postgres
from support.runner import Runner, eventually, process

PIPELINE = """
workflow:
  name: shared
  inputs: {mark: {type: string}, slow: {type: string, default: "[[n:8]][[delay:0.05]]"}}
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] {{ inputs.mark }}/one"}
    - {name: two, type: gemini, prompt: "[[say:2]] {{ inputs.mark }}/two"}
    - {name: three, type: claude, prompt: "{{ inputs.slow }} {{ inputs.mark }}/three"}
    - {name: four, type: claude, prompt: "[[say:end]] {{ inputs.mark }}/four"}
"""
LOST_AFTER = "5"
"""Seconds; a busy machine must not make a living runner seem dead."""
# Each test starts two processes, which takes seconds on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        pytest.skip("there is no Postgres on this machine: install the package postgresql to run these tests")
    with postgres(programs) as url:
        yield url


@pytest.fixture
def database(server: str) -> str:
    """URL of an empty database."""
    name = f"deck_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.rpartition("/")[0] + f"/{name}"


@contextlib.contextmanager
def two(
    folder: Path, database: str, environment: dict[str, str]
) -> Iterator[tuple[tuple["subprocess.Popen[str]", Runner], tuple["subprocess.Popen[str]", Runner]]]:
    """Two runners on one database, started together."""
    with contextlib.ExitStack() as stack:
        pair = []
        for name in ("a", "b"):
            (folder / name).mkdir()
            flags = ("--runner-db", database, "--runner-lost-after", LOST_AFTER, "--runner-concurrency", "4")
            pair.append(stack.enter_context(process(folder / name, environment, *flags)))
            pair[-1][1].pipeline(PIPELINE)
        yield pair[0], pair[1]


def asked(stand_in: str, mark: str) -> Counter[str]:
    """How often each step of each run with a mark asked its model."""
    bodies = [json.dumps(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json()]
    return Counter(body.split(f"{mark}-")[1].split('"')[0] for body in bodies if f"{mark}-" in body)


def finished(database: str) -> set[tuple[str, str]]:
    """Run and step of everything that the engine has recorded as finished."""
    with psycopg.connect(database) as connection:
        return set(connection.execute("SELECT workflow_uuid, function_name FROM dbos.operation_outputs").fetchall())


def unfinished(database: str) -> set[str]:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT id FROM quarterdeck_runs WHERE status <> 'completed'").fetchall()
    return {run_id for (run_id,) in found}


def owners(database: str) -> dict[str, str]:
    with psycopg.connect(database) as connection:
        return dict(connection.execute("SELECT id, owner FROM quarterdeck_runs").fetchall())


def test_two_runners_share_a_queue_and_obey_either(
    tmp_path: Path, database: str, provider_environment: dict[str, str], stand_in: str
) -> None:
    with two(tmp_path, database, provider_environment) as ((_, a), (_, b)):
        ids = [a.start("shared", mark=f"both-{number}") for number in range(16)]
        for run_id in ids:
            assert b.result(run_id)["output"] == "end"
        assert set(asked(stand_in, "both").values()) == {1}
        assert len(set(owners(database).values())) == 2
        # A run that one of them executes is paused, resumed and cancelled through the other one.
        long = [a.start("shared", mark=f"long-{number}", slow="[[n:3000]][[delay:0.02]]") for number in range(6)]
        for run_id in long:
            b.until(run_id, current_step="three")
        for runner in (a, b):
            for run_id in long[:3] if runner is a else long[3:]:
                assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"
        pausing = []
        for number in range(4):
            pausing.append(a.start("shared", mark=f"pausing-{number}", slow="[[n:60]][[delay:0.05]]"))
            b.until(pausing[-1], current_step="three")
            assert b.tell(pausing[-1], "pause").status_code == 202
        for run_id in pausing:
            assert a.until(run_id, status="paused")["steps_done"] == 3
            assert a.tell(run_id, "resume").status_code == 202
        for run_id in pausing:
            assert b.result(run_id)["output"] == "end"
        assert set(asked(stand_in, "pausing").values()) == {1}


def test_the_runs_of_a_dead_runner_are_taken_over(
    tmp_path: Path, database: str, provider_environment: dict[str, str], stand_in: str
) -> None:
    with two(tmp_path, database, provider_environment) as ((dying, a), (_, b)):
        ids = [a.start("shared", mark=f"dead-{number}", slow="[[n:100]][[delay:0.05]]") for number in range(12)]
        mine = eventually(lambda: _executing(a, database, "three"))
        dying.send_signal(signal.SIGKILL)
        dying.wait()
        done, before, left = finished(database), asked(stand_in, "dead"), unfinished(database)
        results = {run_id: b.result(run_id) for run_id in ids}
        assert {run["status"] for run in results.values()} == {"completed"}
        marks = {run["inputs"]["mark"].removeprefix("dead-"): run["id"] for run in results.values()}
        again = {step: count - before[step] for step, count in asked(stand_in, "dead").items()}
        assert mine <= set(ids)
        assert [step for step, count in again.items() if count and _key(step, marks) in done] == []
        assert len({owner for run_id, owner in owners(database).items() if run_id in left}) == 1


def _executing(runner: Runner, database: str, step: str) -> set[str]:
    """Runs that are in a step, once each of the two runners has one there."""
    there = [run for run in runner.http.get("/v1/runs?status=active").json()["runs"] if run["current_step"] == step]
    held = owners(database)
    return {run["id"] for run in there} if len({held[run["id"]] for run in there}) == 2 else set()


def _key(step: str, marks: dict[str, str]) -> tuple[str, str]:
    number, _, name = step.partition("/")
    return marks[number], name


def test_a_runner_that_stops_hands_its_runs_over(
    tmp_path: Path, database: str, provider_environment: dict[str, str], stand_in: str
) -> None:
    with two(tmp_path, database, provider_environment) as ((stopping, a), (_, b)):
        ids = [a.start("shared", mark=f"stopped-{number}", slow="[[n:160]][[delay:0.05]]") for number in range(8)]
        eventually(lambda: _executing(a, database, "three"))
        stopping.send_signal(signal.SIGTERM)
        assert stopping.wait(60) == 0
        for run_id in ids:
            assert b.result(run_id)["output"] == "end"
        counts = asked(stand_in, "stopped")
        assert {count for step, count in counts.items() if not step.endswith("three")} == {1}


def test_a_run_of_another_version_says_what_to_do(
    tmp_path: Path, database: str, provider_environment: dict[str, str]
) -> None:
    folder = tmp_path / "only"
    folder.mkdir()
    with process(folder, provider_environment, "--runner-db", database) as (_, runner):
        runner.pipeline(PIPELINE)
        run_id = runner.start("shared", mark="version", slow="[[n:3000]][[delay:0.02]]")
        runner.until(run_id, current_step="three")
        assert runner.run(run_id)["hint"] is None
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE quarterdeck_runs SET engine = 'engine-0'")
        hint = runner.run(run_id)["hint"]
        assert f"begun by engine-0 of the runner, and here is {APPLICATION_VERSION}" in hint
        assert runner.tell(run_id, "cancel").status_code == 202
        again: dict[str, Any] = runner.http.post(f"/v1/runs/{run_id}/retry").json()
        assert again["hint"] is None
        assert runner.tell(again["id"], "cancel").status_code == 202
