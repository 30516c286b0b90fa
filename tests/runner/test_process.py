"""The runner as a process: its command line, its death and its return."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

import quarterdeck as qd
from quarterdeck import control
from quarterdeck.serving import owner_of
from quarterdeck.testing import MemorySpans
from quarterdeck_runner.settings import Settings
from support.deck import free_ports
from support.runner import PATIENCE, eventually, process
from support.steering import Steering

PIPELINE = """
workflow:
  name: durable
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] durable-one"}
    - {name: two, type: gemini, prompt: "[[say:2]] durable-two"}
    - {name: three, type: claude, prompt: "[[n:40]][[delay:0.05]] durable-three"}
    - {name: four, type: claude, prompt: "[[say:end]] durable-four {{ one }} {{ two }}"}
"""


def test_decorated_runs_go_on_without_their_runner_and_obey_it_again(
    tmp_path: Path, provider_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "HEARTBEAT_S", 0.05)
    (port,) = free_ports(1)
    ticks = [0]

    @qd.pipeline
    def patient() -> None:
        steering.here()
        while ticks[0] >= 0:
            with qd.step("tick"):
                threading.Event().wait(0.005)
            ticks[0] += 1

    qd.shutdown()
    qd.init("", runner_url=f"http://127.0.0.1:{port}", exporters=[MemorySpans()])
    try:
        with process(tmp_path, provider_environment, "--runner-port", str(port)) as (_, runner):
            steering = Steering(runner, MemorySpans())
            outcomes = [steering.start(patient), steering.start(patient)]
            held, free = steering.known(), steering.known()
            steering.tell(held, "pause")
            steering.until(held, status="paused")
        before = ticks[0]
        eventually(lambda: ticks[0] > before + 50)  # nobody tells the other one anything
        assert [outcome.error for outcome in outcomes] == [None, None]
        with process(tmp_path, provider_environment, "--runner-port", str(port)) as (_, runner):
            steering.runner = runner
            eventually(lambda: {run["id"] for run in runner.http.get("/v1/runs").json()["runs"]} == {held, free})
            assert (runner.run(held)["status"], runner.run(free)["status"]) == ("paused", "running")
            steering.tell(held, "resume")
            steering.until(held, status="running")
            steering.tell(free, "cancel")
            steering.until(free, status="cancelled")
            ticks[0] = -1_000_000
            steering.until(held, status="completed")
            steering.done()
    finally:
        qd.shutdown()


def asked(stand_in: str) -> dict[str, int]:
    """How often each step of the pipeline asked its model."""
    bodies = [str(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json()]
    return {word: sum(f"durable-{word}" in body for body in bodies) for word in ("one", "two", "three", "four")}


def test_a_killed_runner_goes_on_where_it_was(
    tmp_path: Path, provider_environment: dict[str, str], stand_in: str
) -> None:
    before = asked(stand_in)
    with process(tmp_path, provider_environment) as (running, runner):
        runner.pipeline(PIPELINE)
        killed, paused, waiting = (runner.start("durable") for _ in range(3))
        assert runner.tell(waiting, "pause").status_code == 202
        runner.until(waiting, status="paused")
        for run_id in (killed, paused):
            runner.until(run_id, current_step="three")
        assert runner.tell(paused, "pause").json()["pending"] == "pause"
        running.send_signal(signal.SIGKILL)
        running.wait()
    done = asked(stand_in)
    assert done["three"] - before["three"] == 2
    with process(tmp_path, provider_environment) as (running, runner):
        assert runner.run(waiting)["status"] == "paused"
        result = runner.result(killed)
        assert (result["status"], result["output"], result["steps_done"]) == ("completed", "end", 4)
        assert runner.until(paused, status="paused")["steps_done"] == 2
        assert runner.tell(paused, "resume").status_code == 202
        assert runner.result(paused)["output"] == "end"
        again = {word: count - done[word] for word, count in asked(stand_in).items()}
        assert again == {"one": 0, "two": 0, "three": 2, "four": 2}
        assert runner.tell(waiting, "cancel").json()["status"] == "cancelled"
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0


def test_a_stopped_runner_ends_at_once_and_goes_on_later(tmp_path: Path, provider_environment: dict[str, str]) -> None:
    with process(tmp_path, provider_environment) as (running, runner):
        runner.pipeline(PIPELINE)
        run_id = runner.start("durable")
        runner.until(run_id, current_step="three")
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 0
    assert (tmp_path / "runner.log").read_text().count("\n") == 1
    with process(tmp_path, provider_environment) as (_, runner):
        assert runner.result(run_id)["status"] == "completed"


def test_two_runners_do_not_share_a_database(tmp_path: Path) -> None:
    with process(tmp_path, {}) as (running, _):
        second = command("--runner-port", "0", "--data-dir", str(tmp_path))
        owner = owner_of(tmp_path / "runner.sqlite.lock")
        assert owner
        assert owner.pid == running.pid
        assert (second.returncode, second.stderr.strip()) == (
            1,
            (
                f"quarterdeck.runner: the runner's database {tmp_path}/runner.sqlite is in use by "
                f"{owner}; stop it or choose another with --data-dir / QUARTERDECK_DATA_DIR"
            ),
        )


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck_runner", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "QUARTERDECK_ENDPOINT": ""},
    )


def test_a_busy_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = command("--runner-port", str(port), "--data-dir", str(tmp_path))
    assert (ended.returncode, ended.stderr) == (
        2,
        (
            f"quarterdeck.runner: port {port} is in use on 127.0.0.1 or cannot be opened (Address already in use); "
            "stop the program that uses it or choose another with --runner-port / QUARTERDECK_RUNNER_PORT\n"
        ),
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])  # noqa: S104 - must be refused
def test_addresses_that_others_can_reach_need_a_token_first(host: str, tmp_path: Path) -> None:
    ended = command("--host", host, "--data-dir", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"quarterdeck.runner: {host} can be reached from other machines, and whoever reaches it could spend your API "
        f"keys; make a token first with 'quarterdeck token create --name NAME --scope run --data-dir {tmp_path}', or "
        "listen on 127.0.0.1\n"
    )


def test_where_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUARTERDECK_RUNNER_DB", raising=False)
    assert Settings(data_dir=tmp_path).database_url == f"sqlite:///{tmp_path}/runner.sqlite"
    monkeypatch.setenv("QUARTERDECK_RUNNER_DB", f"{tmp_path}/other.db")
    assert Settings().database_url == f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv("QUARTERDECK_RUNNER_DB", "postgresql://u@h/d")
    assert Settings().database_url == "postgresql+psycopg://u@h/d"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
