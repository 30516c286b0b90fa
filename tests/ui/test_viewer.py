"""What a screen is told: everything once, then only what changed."""

from dataclasses import replace
from typing import Any

from quarterdeck import semconv as s
from quarterdeck_ui.hub import Detail, Health, Hub, Snapshot
from quarterdeck_ui.live_state import Chunk, LiveCall, LiveRun
from quarterdeck_ui.queries import Today
from quarterdeck_ui.runs_view import build
from quarterdeck_ui.scope import Scope
from quarterdeck_ui.span_view import SpanView
from quarterdeck_ui.trace_view import nodes
from quarterdeck_ui.viewer import Viewer

CALL = LiveCall("c1", "", "", "", "chat m", 5, attributes={s.REQUEST_MODEL: "m"})
RUN = LiveRun("r1", "invoice", "t1", "root", 1, status_ns=1, heard=1, calls={"c1": CALL})


async def never(_run: str, _span: str) -> SpanView | None:
    raise AssertionError("a live call has no payload in the store yet")


def publish(hub: Hub, *runs: LiveRun) -> None:
    live = {run.id: run for run in runs}
    views = tuple(build((), live, {}, 2))
    hub.publish(lambda now: replace(now, loaded=True, live=live, runs=views, by_id={run.id: run for run in views}))
    for run in runs:
        hub.details.put(run.id, Detail(found=True, run=hub.snapshot.by_id[run.id], nodes=nodes((), run)))


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


async def test_a_screen_is_told_everything_once() -> None:
    hub, viewer = Hub(), None
    viewer = Viewer(hub, never)
    publish(hub, RUN)
    viewer.look("r1", "")
    assert kinds(await viewer.messages()) == ["deck", "clock", "runs", "run", "span"]
    assert await viewer.messages() == []


async def test_only_the_run_that_changed_is_sent() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    other = replace(RUN, id="r2")
    publish(hub, RUN, other)
    await viewer.messages()
    publish(hub, RUN, replace(other, status="paused"))
    (message,) = await viewer.messages()
    assert ([run["id"] for run in message["changed"]], "order" in message) == (["r2"], False)


async def test_streamed_text_is_sent_piece_by_piece() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    viewer.look("r1", "")
    sent = []
    for count in (1, 1, 3):
        chunks = tuple(Chunk(index, "text", f"{index} ") for index in range(count))
        publish(hub, replace(RUN, calls={"c1": replace(CALL, chunks=chunks)}))
        sent += [m for m in await viewer.messages() if m["type"] == "text"]
    assert sent == [
        {"type": "text", "id": "c1", "from": 0, "chunks": [["text", "0 "]]},
        {"type": "text", "id": "c1", "from": 1, "chunks": [["text", "1 "], ["text", "2 "]]},
    ]


async def test_turning_away_and_back_sends_the_text_from_its_start() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    publish(hub, replace(RUN, calls={"c1": replace(CALL, chunks=(Chunk(0, "text", "all of it"),))}))
    viewer.look("r1", "")
    await viewer.messages()
    viewer.look("", "")
    await viewer.messages()
    viewer.look("r1", "c1")
    assert [m["chunks"] for m in await viewer.messages() if m["type"] == "text"] == [[["text", "all of it"]]]


async def test_a_paused_screen_is_told_what_it_has_not_seen_and_no_changes() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    viewer.paused = True
    publish(hub, RUN)
    viewer.look("r1", "")
    assert kinds(await viewer.messages()) == ["deck", "clock", "runs", "run", "span"]
    chunk = (Chunk(0, "text", "more"),)
    publish(hub, replace(RUN, status="paused", calls={"c1": replace(CALL, chunks=chunk)}), replace(RUN, id="r2"))
    hub.publish(lambda now: replace(now, health={"runner": Health(ok=False, reason="away")}))
    (message,) = await viewer.messages()
    assert list(message) == ["type", "health"]
    viewer.look("r2", "")
    assert kinds(await viewer.messages()) == ["run", "span"]
    viewer.paused = False
    assert kinds(await viewer.messages()) == ["runs"]


async def test_totals_of_today_are_those_of_the_screens_environment_and_service() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    today = {("prod", "web"): Today(10, 1.0, 2, 1), ("prod", "batch"): Today(5, 0.5, 1, 0), ("", "web"): Today(1)}
    hub.publish(lambda now: replace(now, today=today))
    told = []
    for scope in (Scope(), Scope(environment="prod"), Scope(environment="prod", service="batch"), Scope(service="x")):
        viewer.limit(scope, paused=False)
        told += [message["today"]["tokens"] for message in await viewer.messages() if "today" in message]
    assert told == [16, 15, 5, 0]


async def test_what_the_runner_would_do_is_told_of_the_runs_on_the_screen_once() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    publish(hub, RUN)
    viewer.history.add("old")
    hub.publish(
        lambda now: replace(now, offers={"r1": ("retry",), "old": ("retry",), "elsewhere": ("retry",), "x": ()})
    )
    (message,) = [message for message in await viewer.messages() if message["type"] == "offers"]
    assert message["offers"] == {"r1": ("retry",), "old": ("retry",)}
    assert await viewer.messages() == []


async def test_a_span_that_is_not_there_is_named() -> None:
    hub = Hub()
    viewer = Viewer(hub, never)
    publish(hub, RUN)
    viewer.look("r1", "nope")
    assert [m for m in await viewer.messages() if m["type"] == "span"] == [
        {"type": "span", "run": "r1", "id": "nope", "missing": True}
    ]


async def test_the_bell_rings_for_a_change_only() -> None:
    hub = Hub()
    before = hub.snapshot
    hub.publish(lambda now: now)
    assert hub.snapshot is before
    hub.publish(lambda now: replace(now, health={"runner": Health(ok=False, reason="away")}))
    assert hub.snapshot == Snapshot(health={"runner": Health(ok=False, reason="away")})
