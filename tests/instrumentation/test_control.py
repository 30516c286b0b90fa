"""Decorated runs obey the runner. The runner here is a small real HTTP server that records heartbeats."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import quarterdeck as qd
from quarterdeck import config, semconv
from quarterdeck.control import Control
from quarterdeck.settings import ConfigError
from quarterdeck.testing import MemorySpans
from support.servers import serve
from support.waiting import eventually


@dataclass
class Runner:
    """Answers every heartbeat with the wanted command for every run."""

    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    command: str | None = None

    async def heartbeat(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.tokens.add(request.headers.get("authorization", ""))
        self.heartbeats.append(body)
        wanted = {run["id"]: self.command for run in body["runs"]} if self.command else {}
        return JSONResponse({"commands": wanted})

    def statuses(self) -> list[str]:
        """Distinct statuses of the first run, in order."""
        seen: list[str] = []
        for heartbeat in self.heartbeats:
            for run in heartbeat["runs"]:
                if not seen or seen[-1] != run["status"]:
                    seen.append(run["status"])
        return seen


@pytest.fixture
def runner() -> Iterator[Runner]:
    found = Runner()
    with serve(Starlette(routes=[Route("/v1/heartbeats", found.heartbeat, methods=["POST"])])) as url:
        qd.init("", service_name="svc", runner_url=url, token="qdt_fake", exporters=[MemorySpans()])
        yield found
        qd.shutdown()


def test_an_open_run_is_reported_until_its_end(runner: Runner) -> None:
    with qd.pipeline("watched") as run:
        with qd.step("first"):
            eventually(lambda: runner.heartbeats)
        run_id, trace_id = run.id, run.trace_id
    eventually(lambda: runner.statuses()[-1:] == ["completed"])
    qd.shutdown()
    assert runner.tokens == {"Bearer qdt_fake"}

    first, last = runner.heartbeats[0], runner.heartbeats[-1]
    assert first["service"] == "svc"
    (told,) = first["runs"]
    assert told["started_at"].endswith("+00:00")
    assert told.pop("current_step") in {None, "first"}  # the first heartbeat may go out before the step begins
    del told["started_at"]
    assert told == {"id": run_id, "pipeline": "watched", "status": "running", "trace_id": trace_id}
    assert last["runs"][0]["status"] == "completed"
    assert sum(run["status"] == "completed" for heartbeat in runner.heartbeats for run in heartbeat["runs"]) == 1


def test_pause_holds_the_next_step_and_resume_lets_it_go(runner: Runner) -> None:
    reached: list[int] = []

    @qd.pipeline
    def patient() -> None:
        for n in range(200):
            with qd.step("one"):
                reached.append(n)
                threading.Event().wait(0.02)
            if "running" in runner.statuses()[2:]:
                return

    worker = threading.Thread(target=patient)
    runner.command = "pause"
    worker.start()
    eventually(lambda: runner.statuses() == ["running", "paused"])
    held = len(reached)
    threading.Event().wait(0.3)
    assert len(reached) == held
    runner.command = "resume"
    worker.join(20)
    eventually(lambda: runner.statuses() == ["running", "paused", "running", "completed"])
    assert len(reached) > held


def test_cancel_raises_at_the_next_boundary(runner: Runner) -> None:
    @qd.pipeline
    def stubborn() -> None:
        while True:
            with qd.step("one"):
                threading.Event().wait(0.01)

    runner.command = "cancel"
    with pytest.raises(qd.RunCancelled):
        stubborn()
    eventually(lambda: runner.statuses()[-1] == "cancelled")


def test_cancel_frees_a_paused_run(runner: Runner) -> None:
    @qd.pipeline
    def stuck() -> None:
        while True:
            with qd.step("one"):
                threading.Event().wait(0.01)

    caught: list[BaseException] = []

    def work() -> None:
        try:
            stuck()
        except qd.RunCancelled as error:
            caught.append(error)

    worker = threading.Thread(target=work)
    runner.command = "pause"
    worker.start()
    eventually(lambda: runner.statuses()[-1:] == ["paused"])
    runner.command = "cancel"
    worker.join(20)
    assert len(caught) == 1


async def test_cancel_interrupts_an_awaiting_coroutine(runner: Runner) -> None:
    @qd.pipeline
    async def waiting() -> None:
        with qd.step("long"):
            await asyncio.sleep(600)

    runner.command = "cancel"
    with pytest.raises(qd.RunCancelled):
        await waiting()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.to_thread(eventually, lambda: runner.statuses()[-1] == "cancelled")


async def test_pause_in_a_coroutine_leaves_the_event_loop_free(runner: Runner) -> None:
    @qd.step
    async def one() -> None:
        await asyncio.sleep(0.01)

    @qd.pipeline
    async def patient() -> None:
        while runner.command == "pause" or "paused" not in runner.statuses():
            await one()

    runner.command = "pause"
    task = asyncio.create_task(patient())
    await asyncio.to_thread(eventually, lambda: runner.statuses()[-1:] == ["paused"])
    await asyncio.sleep(0.1)
    assert not task.done()
    runner.command = "resume"
    await task


def test_without_a_runner_nothing_changes(caplog: pytest.LogCaptureFixture) -> None:
    memory = MemorySpans()
    qd.init("", runner_url="http://127.0.0.1:9", exporters=[memory])
    with qd.pipeline("alone"), qd.step("one"):
        threading.Event().wait(0.3)
    qd.flush()
    qd.shutdown()
    assert [record.levelname for record in caplog.records if record.name == "quarterdeck"] == []
    run, _ = memory.kept()
    assert (run.attributes or {})[semconv.RUN_STATUS] == "completed"


@pytest.mark.parametrize(
    ("given", "known", "control", "obeyed"),
    [
        (None, "", None, ""),
        (None, "http://env:1", None, "http://env:1"),
        ("http://own:1", "http://env:1", None, "http://own:1"),
        (None, "", True, "http://127.0.0.1:8700"),
        (None, "http://env:1", True, "http://env:1"),
        ("http://own:1", "http://env:1", True, "http://own:1"),
        ("http://own:1", "http://env:1", False, ""),
    ],
)
def test_control_is_on_where_a_runner_is_known_or_wished_for(
    given: str | None, known: str, control: bool | None, obeyed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTERDECK_RUNNER_URL", known)
    qd.init("", runner_url=given, control=control, exporters=[MemorySpans()])
    found = config.control()
    assert (found._url if isinstance(found, Control) else "") == (f"{obeyed}/v1/heartbeats" if obeyed else "")


def test_control_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(ConfigError, match="control must be True or False, not str"):
        qd.init("", control="yes")  # type: ignore[arg-type] # the mistake
