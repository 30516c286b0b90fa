"""Work that a run hands to threads belongs to the run and to the step that handed it over."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import quarterdeck as qd
from quarterdeck.testing import Recording, recording


@qd.step
def work(_number: int = 0) -> str:
    run = qd.current_run()
    return run.pipeline if run else ""


def in_a_pool(pool: ThreadPoolExecutor) -> None:
    list(pool.map(work, range(3)))


def in_a_thread(_pool: ThreadPoolExecutor) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def in_a_thread_of_its_own_kind(_pool: ThreadPoolExecutor) -> None:
    class Worker(threading.Thread):
        def run(self) -> None:
            work()

    thread = Worker()
    thread.start()
    thread.join()
    assert "run" not in vars(thread)


def from_an_event_loop(pool: ThreadPoolExecutor) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(pool, work)
        await asyncio.to_thread(work)

    asyncio.run(main())


@pytest.mark.parametrize("way", [in_a_pool, in_a_thread, in_a_thread_of_its_own_kind, from_an_event_loop])
def test_work_in_threads_belongs_to_the_run_and_the_step(
    telemetry: Recording, way: Callable[[ThreadPoolExecutor], None]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        with qd.pipeline("threads"), qd.step("hand over"):
            way(pool)
        assert pool.submit(work).result() == ""
    spans = [span for span in telemetry.normal_spans() if span["name"] == "step work"]
    parents = [span["parent"] for span in spans]
    assert parents[:-1] == ["step hand over"] * (len(spans) - 1)
    assert parents[-1] is None
    assert len(spans) > 1


@pytest.mark.usefixtures("telemetry")
def test_a_pool_that_serves_two_runs_keeps_them_apart() -> None:
    with ThreadPoolExecutor(1) as pool:
        for name in ("first", "second"):
            with qd.pipeline(name):
                assert pool.submit(work).result() == name


def test_the_threads_are_as_they_were_after_the_shutdown() -> None:
    before = ThreadPoolExecutor.submit, threading.Thread.start
    with recording():
        assert (ThreadPoolExecutor.submit, threading.Thread.start) != before
    assert (ThreadPoolExecutor.submit, threading.Thread.start) == before


def test_a_thread_started_twice_is_refused_by_python_itself(telemetry: Recording) -> None:
    with qd.pipeline("twice"):
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        done.set()
        thread.join()
    assert len(telemetry.spans()) == 1


def test_an_error_in_a_pool_reaches_the_caller_as_it_is(telemetry: Recording) -> None:
    problem = KeyError("k")

    def fail() -> None:
        raise problem

    with ThreadPoolExecutor(1) as pool, qd.pipeline("p"):
        assert pool.submit(fail).exception() is problem
    assert [span["status"] for span in telemetry.normal_spans()] == ["UNSET"]
