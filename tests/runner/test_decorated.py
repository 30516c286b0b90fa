"""Decorated runs obey the buttons of the dashboard, whatever shape the program has."""

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck import control, semconv
from quarterdeck.testing import MemorySpans
from support.runner import Runner, eventually
from support.steering import Steering


@pytest.fixture
def steering(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steering]:
    monkeypatch.setattr(control, "HEARTBEAT_S", 0.05)  # tests are in a hurry
    monkeypatch.setattr(control, "_BREATH_S", 0.01)
    qd.shutdown()
    memory = MemorySpans()
    qd.init("", runner_url=str(runner.http.base_url), service_name="program", exporters=[memory])
    found = Steering(runner, memory)
    yield found
    qd.shutdown()
    found.done()


@qd.step
def tick() -> None:
    threading.Event().wait(0.005)


@qd.step
async def tock() -> None:
    await asyncio.sleep(0.005)


def statuses(steering: Steering) -> dict[str, set[str]]:
    """By name, how the spans have ended."""
    qd.flush()
    found: dict[str, set[str]] = {}
    for span in steering.memory.kept():
        attributes = span.attributes or {}
        status = attributes.get(semconv.RUN_STATUS) or attributes.get(semconv.STEP_STATUS)
        found.setdefault(span.name, set()).add(str(status))
    return found


def test_two_runs_of_one_program_obey_different_commands(steering: Steering) -> None:
    ticks = {"patient": 0, "doomed": 0}

    def endless(name: str) -> None:
        with qd.pipeline(name):
            steering.here()
            while ticks[name] >= 0:
                tick()
                ticks[name] += 1

    patient = steering.start(lambda: endless("patient"))
    first = steering.known()
    doomed = steering.start(lambda: endless("doomed"))
    second = steering.known()
    steering.tell(first, "pause")
    steering.tell(second, "cancel")
    assert isinstance(doomed.wait().error, qd.RunCancelled)
    steering.until(second, status="cancelled")
    steering.until(first, status="paused")
    held = ticks["patient"]
    steering.tell(first, "resume")
    eventually(lambda: ticks["patient"] > held + 3)
    ticks["patient"] = -1_000_000
    assert patient.wait().error is None
    steering.until(first, status="completed")


def test_steps_in_a_pool_of_threads_stand_still_and_end_with_their_run(steering: Steering) -> None:
    ticks = [0]

    def work(_number: int) -> None:
        while True:
            tick()
            ticks[0] += 1

    @qd.pipeline
    def threads() -> None:
        steering.here()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))

    outcome = steering.start(threads)
    run = steering.known()
    steering.tell(run, "pause")
    steering.until(run, status="paused")
    steering.tell(run, "resume")
    steering.until(run, status="running")
    seen = ticks[0]
    eventually(lambda: ticks[0] > seen)
    steering.tell(run, "cancel")
    assert isinstance(outcome.wait().error, qd.RunCancelled)
    steering.until(run, status="cancelled")


def in_a_task_group() -> Any:
    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(600))
            for _ in range(3):
                group.create_task(ticking())

    return all_of_them()


def in_gather() -> Any:
    return asyncio.gather(ticking(), ticking(), asyncio.sleep(600))


def under_a_timeout() -> Any:
    async def in_time() -> None:
        async with asyncio.timeout(600):
            await asyncio.sleep(600)

    return in_time()


async def ticking() -> None:
    while True:
        await tock()


@pytest.mark.parametrize("shape", [in_a_task_group, in_gather, under_a_timeout, lambda: asyncio.sleep(600)])
async def test_cancel_interrupts_what_awaits_and_nothing_else(steering: Steering, shape: Any) -> None:
    seen: list[BaseException] = []

    @qd.pipeline
    async def waiting() -> None:
        steering.here()
        try:
            await shape()
        except BaseException as error:
            seen.append(error)
            raise

    def press() -> None:
        run = steering.known()
        steering.tell(run, "cancel")

    before = asyncio.all_tasks()
    presser = steering.start(press)
    with pytest.raises(qd.RunCancelled, match=r"^run .* was cancelled$"):
        await waiting()
    assert [type(error) for error in seen] == [qd.RunCancelled]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.05)  # the caller is not interrupted
    assert asyncio.all_tasks() == before
    presser.wait()
    assert statuses(steering)["invoke_workflow waiting"] == {"cancelled"}


@pytest.mark.usefixtures("steering")
async def test_an_error_of_a_steered_coroutine_shows_the_users_frames_only() -> None:
    @qd.step
    async def inner() -> None:
        await asyncio.sleep(0)
        raise KeyError("k")

    @qd.pipeline
    async def outer() -> None:
        await inner()

    with pytest.raises(KeyError) as caught:
        await outer()
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)[1:]] == ["outer", "inner"]


async def test_a_pause_holds_tasks_and_plain_steps_of_a_coroutine(steering: Steering) -> None:
    ticks = {"task": 0, "plain": 0}

    async def beside() -> None:
        while ticks["task"] >= 0:
            await tock()
            ticks["task"] += 1

    @qd.pipeline
    async def mixed() -> None:
        steering.here()
        async with asyncio.TaskGroup() as group:
            group.create_task(beside())
            while ticks["plain"] >= 0:
                with qd.step("plain"):  # cannot wait itself, without stopping the event loop
                    await asyncio.sleep(0.005)
                ticks["plain"] += 1

    task = asyncio.create_task(mixed())
    run = await asyncio.to_thread(steering.known)
    steering.tell(run, "pause")
    await asyncio.to_thread(lambda: steering.until(run, status="paused"))
    await asyncio.sleep(0.1)
    held = dict(ticks)
    await asyncio.sleep(0.2)
    assert ticks == held
    steering.tell(run, "resume")
    await asyncio.to_thread(lambda: eventually(lambda: all(ticks[name] > held[name] for name in ticks)))
    ticks.update(task=-1_000_000, plain=-1_000_000)
    await task
    await asyncio.to_thread(lambda: steering.until(run, status="completed"))


async def test_a_plain_step_that_cannot_wait_says_so_once(steering: Steering, caplog: pytest.LogCaptureFixture) -> None:
    with qd.pipeline("block") as run:
        steering.here()
        await asyncio.to_thread(steering.known)
        steering.tell(run.id, "pause")
        await asyncio.to_thread(steering.heard, run.id, "pause")
        for _ in range(3):
            with qd.step("plain"):
                pass
    warnings = [record.getMessage() for record in caplog.records if record.name == "quarterdeck"]
    assert warnings == [f"run {run.id} cannot pause where a step of an event loop is entered without async"]


async def test_a_plain_run_called_from_a_coroutine_does_not_interrupt_its_caller(steering: Steering) -> None:
    @qd.pipeline
    def blocking() -> None:
        steering.here()
        while True:
            tick()

    presser = steering.start(lambda: steering.tell(steering.known(), "cancel"))
    with pytest.raises(qd.RunCancelled):
        blocking()
    await asyncio.sleep(0.05)
    presser.wait()


def test_cancel_reaches_an_event_loop_inside_a_plain_run(steering: Steering) -> None:
    @qd.step
    async def long() -> None:
        await asyncio.sleep(600)

    @qd.pipeline
    def plain() -> None:
        steering.here()
        asyncio.run(long())

    outcome = steering.start(plain)
    steering.tell(steering.known(), "cancel")
    assert isinstance(outcome.wait().error, qd.RunCancelled)
    assert statuses(steering) == {"invoke_workflow plain": {"cancelled"}, "step long": {"cancelled"}}


async def test_an_asynchronous_generator_is_interrupted_only_while_it_computes(steering: Steering) -> None:
    cleaned: list[str] = []

    @qd.pipeline
    async def words() -> AsyncIterator[str]:
        steering.here()
        try:
            yield "one"
            await asyncio.sleep(600)
            yield "two"
        finally:
            await asyncio.sleep(0)
            cleaned.append("yes")

    stream = words()
    assert await anext(stream) == "one"
    run = await asyncio.to_thread(steering.known)
    steering.tell(run, "cancel")
    await asyncio.sleep(0.3)  # the reader's own waiting is its own
    with pytest.raises(qd.RunCancelled):
        await anext(stream)
    assert cleaned == ["yes"]
    await asyncio.to_thread(lambda: steering.until(run, status="cancelled"))


def test_a_generator_stands_still_between_its_steps_and_is_cancelled_there(steering: Steering) -> None:
    @qd.pipeline
    def numbers() -> Iterator[int]:
        steering.here()
        number = 0
        while True:
            tick()
            yield number
            number += 1

    seen: list[int] = []

    def read() -> None:
        for number in numbers():
            seen.append(number)  # noqa: PERF402 - the test looks while it grows

    outcome = steering.start(read)
    run = steering.known()
    steering.tell(run, "pause")
    steering.until(run, status="paused")
    held = len(seen)
    threading.Event().wait(0.1)
    assert len(seen) == held
    steering.tell(run, "cancel")
    assert isinstance(outcome.wait().error, qd.RunCancelled)
    steering.until(run, status="cancelled")
    assert statuses(steering) == {"invoke_workflow numbers": {"cancelled"}, "step tick": {"completed"}}


def test_a_pipeline_in_a_pipeline_stands_still_and_ends_with_the_outer_one(steering: Steering) -> None:
    ended: list[str] = []

    @qd.pipeline
    def inner() -> None:
        try:
            while True:
                tick()
        finally:
            ended.append("inner")

    @qd.pipeline
    def outer() -> None:
        steering.here()
        try:
            inner()
        finally:
            ended.append("outer")

    outcome = steering.start(outer)
    run = steering.known()
    steering.tell(run, "pause")
    steering.until(run, status="paused")
    steering.tell(run, "cancel")
    assert isinstance(outcome.wait().error, qd.RunCancelled)
    assert ended == ["inner", "outer"]
    found = statuses(steering)
    assert (found["step inner"], found["invoke_workflow outer"]) == ({"cancelled"}, {"cancelled"})
    assert found["step tick"] == {"completed"}


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_a_command_that_comes_after_the_last_step_changes_nothing(steering: Steering, command: str) -> None:
    told = threading.Event()

    @qd.pipeline
    def almost_done() -> str:
        tick()
        steering.here()
        assert told.wait(90)
        return "result"

    outcome = steering.start(almost_done)
    run = steering.known()
    steering.tell(run, command)
    steering.heard(run, command)
    steering.until(run, status="running", pending=command)
    told.set()
    assert outcome.wait().result == "result"
    steering.until(run, status="completed", pending=None, actions=[])


def test_code_that_blocks_obeys_at_its_next_step(steering: Steering) -> None:
    told = threading.Event()

    @qd.pipeline
    def blocking() -> None:
        with qd.step("block"):
            steering.here()
            assert told.wait(90)
        with qd.step("never"):
            pass

    outcome = steering.start(blocking)
    run = steering.known()
    steering.tell(run, "cancel")
    steering.heard(run, "cancel")
    assert steering.runner.run(run)["pending"] == "cancel"
    told.set()
    assert isinstance(outcome.wait().error, qd.RunCancelled)
    assert statuses(steering) == {"invoke_workflow blocking": {"cancelled"}, "step block": {"completed"}}


def test_a_run_without_control_is_unknown_to_the_runner(steering: Steering) -> None:
    with qd.pipeline("watched"):
        steering.here()
        with qd.pipeline("free", control=False) as inside:
            pass
        run = steering.known()
    with qd.pipeline("free", control=False) as alone:
        threading.Event().wait(0.3)
    assert steering.runner.http.get(f"/v1/runs/{alone.id}").status_code == 404
    assert steering.runner.run(run)["pipeline"] == "watched"
    assert inside.id != run


def test_a_paused_run_goes_on_when_the_program_stops_its_telemetry(steering: Steering) -> None:
    @qd.pipeline
    def patient() -> str:
        steering.here()
        while not over.is_set():
            tick()
        return "done"

    over = threading.Event()
    outcome = steering.start(patient)
    run = steering.known()
    steering.tell(run, "pause")
    steering.until(run, status="paused")
    over.set()
    qd.shutdown()
    assert outcome.wait().result == "done"
