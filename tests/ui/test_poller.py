"""The one reader of this process, over a real collector."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from quarterdeck.runner_client import RunnerClient
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.live_state import LiveRun
from quarterdeck_ui.poller import Poller
from quarterdeck_ui.queries import Store
from quarterdeck_ui.queries.store import Row
from support.collectors import CollectorProcess
from support.deck import free_ports
from support.scenario import Part, Run
from support.waiting import eventually

T = TypeVar("T")


class NotedStore(Store):
    """A store that notes when it was asked what."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__(url, database)
        self.asked: list[tuple[float, str]] = []

    def ask(self, question: str, **parameters: Any) -> list[Row]:
        self.asked.append((time.monotonic(), question))
        return super().ask(question, **parameters)


@asynccontextmanager
async def polled(home: CollectorProcess, store: Store) -> AsyncIterator[Hub]:
    """A hub that a poller keeps fresh; no runner answers."""
    hub, runner = Hub(), RunnerClient(f"http://127.0.0.1:{free_ports(1)[0]}")
    async with Poller(hub, store, runner, home.otlp).running():
        yield hub
    store.close()


async def until(look: Callable[[], T]) -> T:
    """The first true answer."""
    return await asyncio.to_thread(eventually, look)


async def test_a_store_that_is_away_is_asked_seldom_and_read_again_when_it_is_back(home: CollectorProcess) -> None:
    store = NotedStore(f"http://127.0.0.1:{free_ports(1)[0]}", "quarterdeck")
    run = await asyncio.to_thread(Run, home.otlp, "seen-after-the-storm")
    async with polled(home, store) as hub:
        await until(lambda: len(store.asked) == 3)
        times = [at for at, _ in store.asked]
        assert min(b - a for a, b in itertools.pairwise(times)) >= 1.9
        away = hub.snapshot
        assert (away.loaded, away.runs, away.health["clickhouse"].ok) == (False, (), False)
        assert away.health["clickhouse"].reason.endswith("does not answer (connection refused)")

        store._url = home.clickhouse
        await until(lambda: run.id in hub.snapshot.by_id)
        view = hub.snapshot.by_id[run.id]
        assert (view.status, hub.snapshot.loaded, hub.snapshot.health["clickhouse"].ok) == ("running", True, True)
    await asyncio.to_thread(run.end)


def ended(live: LiveRun | None, step: Part) -> bool:
    known = live.steps.get(step.id.hex()) if live else None
    return known is not None and known.end_ns is not None


async def test_events_that_are_read_again_in_the_overlap_count_once(home: CollectorProcess) -> None:
    store = NotedStore(home.clickhouse, "quarterdeck")

    def reads() -> int:
        return sum(question == "live_after" for _, question in store.asked)

    async with polled(home, store) as hub:
        await until(lambda: reads() > 0)
        run = await asyncio.to_thread(Run, home.otlp, "counted-once", steps=1)
        step = run.step("write", 1)
        call = run.call(step, "a-model-without-a-price", "hello")
        for word in ("one ", "two ", "three"):
            run.chunk(call, word)
        run.end_call(call, "one two three", (30, 12))
        run.end_step(step)
        await until(lambda: ended(hub.snapshot.live.get(run.id), step))
        live = hub.snapshot.live[run.id]
        seen = reads()
        await until(lambda: reads() >= seen + 4)  # all of them within the overlap of two seconds
        assert hub.snapshot.live[run.id] == live
        (heard,) = live.calls.values()
        view = hub.snapshot.by_id[run.id]
        assert "".join(chunk.text for chunk in heard.ready) == "one two three"
        assert (view.calls, view.tokens_in, view.tokens_out, view.progress.done) == (1, 30, 12, 1)
        await asyncio.to_thread(run.end)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after a gap"])
async def test_a_poller_that_starts_or_was_asleep_learns_of_runs_in_flight(home: CollectorProcess, late: bool) -> None:
    store = NotedStore(home.clickhouse, "quarterdeck")
    run = await asyncio.to_thread(Run, home.otlp, "in-flight", steps=4)
    run.end_step(run.step("read", 1))
    step = run.step("write", 2)
    run.progress(step, 1, 2, "half")
    run.chunk(run.call(step, "claude-haiku-4-5", "hello"), "so far")
    run.heartbeat("paused")
    hub, runner = Hub(), RunnerClient(f"http://127.0.0.1:{free_ports(1)[0]}")
    poller = Poller(hub, store, runner, home.otlp)
    if late:
        poller._position, poller._read_at = time.time_ns(), time.time_ns() - 61_000_000_000
    async with poller.running():
        await until(lambda: run.id in hub.snapshot.by_id)
        view = hub.snapshot.by_id[run.id]
    (call,) = hub.snapshot.live[run.id].calls.values()
    assert (view.status, view.step, view.progress.value, [chunk.text for chunk in call.ready]) == (
        "paused", "write", 0.375, ["so far"],
    )  # fmt: skip
    await asyncio.to_thread(run.end)
