from datetime import UTC, datetime
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck_runner.heartbeats import LOST_AFTER_S, CommandRefusedError, Heartbeats, Report, actions
from support.runner import Runner, eventually

RUN: dict[str, Any] = {
    "id": "py-1",
    "pipeline": "digest",
    "status": "running",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "current_step": "load",
    "started_at": "2026-11-23T10:00:00+00:00",
}


def report(status: str, run_id: str = "r") -> Report:
    return Report(run_id, "p", status, "0" * 32, None, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_command_goes_out_until_the_status_shows_that_it_was_obeyed() -> None:
    beats = Heartbeats()
    assert beats.beat("s", [report("running")]) == {}
    assert actions(beats.command("r", "pause")) == ["resume", "cancel"]
    assert beats.beat("s", [report("running")]) == {"r": "pause"}
    assert beats.beat("s", [report("running")]) == {"r": "pause"}
    assert beats.beat("s", [report("paused")]) == {}
    beats.command("r", "resume")
    assert beats.beat("s", [report("paused")]) == {"r": "resume"}
    assert beats.beat("s", [report("running")]) == {}
    beats.command("r", "cancel")
    assert beats.beat("s", [report("running")]) == {"r": "cancel"}
    assert beats.beat("s", [report("cancelled")]) == {}
    assert [(run.report.status, actions(run)) for run in beats.runs()] == [("cancelled", [])]


def test_a_pause_can_be_taken_back_before_it_is_obeyed() -> None:
    beats = Heartbeats()
    beats.beat("s", [report("running")])
    beats.command("r", "pause")
    beats.beat("s", [report("running")])
    beats.command("r", "resume")
    assert beats.beat("s", [report("running")]) == {"r": "resume"}
    assert beats.beat("s", [report("running")]) == {}


@pytest.mark.parametrize(
    ("status", "command", "message"),
    [
        ("running", "resume", "run r is running; it can be told pause or cancel, not resume"),
        ("paused", "pause", "run r is paused; it can be told resume or cancel, not pause"),
        ("failed", "cancel", "run r is failed; it can be told nothing, not cancel"),
    ],
)
def test_commands_that_the_state_does_not_allow(status: str, command: Any, message: str) -> None:
    beats = Heartbeats()
    beats.beat("s", [report(status)])
    with pytest.raises(CommandRefusedError, match=message):
        beats.command("r", command)


def test_a_silent_run_is_lost_and_may_come_back() -> None:
    now = 0.0
    beats = Heartbeats(lambda: now)
    beats.beat("s", [report("running", "silent"), report("completed", "done")])
    now = LOST_AFTER_S + 1
    assert {run.report.id: run.report.status for run in beats.runs()} == {"silent": "lost", "done": "completed"}
    beats.beat("s", [report("running", "silent")])
    assert {run.report.id: run.report.status for run in beats.runs()} == {"silent": "running", "done": "completed"}


def test_ended_runs_are_forgotten_one_day_open_ones_never() -> None:
    beats = Heartbeats()
    beats.beat("s", [report("running", "open")])
    for number in range(600):
        beats.beat("s", [report("completed", f"done-{number}")])
    kept = [run.report.id for run in beats.runs()]
    assert (len(kept), kept[0], kept[1]) == (501, "open", "done-100")


def test_reported_runs_over_rest(runner: Runner) -> None:
    beat = {"service": "nightly", "runs": [RUN]}
    assert runner.http.post("/v1/heartbeats", json=beat).json() == {"commands": {}}
    assert runner.run("py-1") == {
        "id": "py-1",
        "pipeline": "digest",
        "kind": "python",
        "status": "running",
        "pending": None,
        "created_at": "2026-11-23T10:00:00Z",
        "started_at": "2026-11-23T10:00:00Z",
        "completed_at": None,
        "current_step": "load",
        "steps_done": None,
        "steps_total": None,
        "error": None,
        "trace_id": RUN["trace_id"],
        "inputs": {},
        "output": None,
        "actions": ["pause", "cancel"],
        "priority": None,
        "env": {},
        "provider": None,
        "model": None,
        "keys": {},
        "origin": None,
        "hint": None,
    }
    assert "py-1" in [run["id"] for run in runner.http.get("/v1/runs?status=active").json()["runs"]]
    assert runner.tell("py-1", "pause").json()["pending"] == "pause"
    assert runner.http.post("/v1/heartbeats", json=beat).json() == {"commands": {"py-1": "pause"}}
    assert runner.tell("py-1", "pause").status_code == 409
    ended = {**RUN, "status": "completed"}
    runner.http.post("/v1/heartbeats", json={"service": "nightly", "runs": [ended]})
    assert runner.run("py-1")["completed_at"] is not None
    assert "py-1" not in [run["id"] for run in runner.http.get("/v1/runs?status=active").json()["runs"]]
    wrong = {**RUN, "status": "lost"}
    assert runner.http.post("/v1/heartbeats", json={"service": "x", "runs": [wrong]}).status_code == 422


def test_a_decorated_program_obeys(runner: Runner) -> None:
    qd.shutdown()
    qd.init(endpoint="", runner_url=str(runner.http.base_url), service_name="program")
    seen: list[str] = []

    @qd.pipeline
    def endless() -> None:
        run = qd.current_run()
        assert run is not None
        seen.append(run.id)
        eventually(lambda: runner.http.get(f"/v1/runs/{run.id}").status_code == 200)
        assert runner.tell(run.id, "cancel").status_code == 202
        eventually(one_more_step)

    @qd.step
    def one_more_step() -> bool:
        return False

    try:
        with pytest.raises(qd.RunCancelled):
            endless()
        assert eventually(lambda: runner.run(seen[0])["status"] == "cancelled")
    finally:
        qd.shutdown()
