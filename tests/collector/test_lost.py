"""The table to read by hand says of a run what the dashboard says: silent ones are lost, and may come back."""

import time
from typing import Any

from quarterdeck import semconv
from quarterdeck_collector.migrate import SCHEMA
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest

MINUTE_NS = 60_000_000_000


def hear(store: EmbeddedStore, run: str, seconds_ago: float, status: str, event: str = semconv.EVENT_HEARTBEAT) -> None:
    position = time.time_ns() - int(seconds_ago * 1e9)
    values = f"({position}, '{event}', '{run}', 'p', {{'{semconv.RUN_STATUS}': '{status}'}})"
    store.command(f"INSERT INTO $live_events (Position, EventName, RunId, PipelineName, Attributes) VALUES {values}")  # noqa: S608 - of this file


def statuses(store: EmbeddedStore) -> dict[str, str]:
    return {str(run): str(status) for run, status in store.rows("SELECT id, status FROM $pipeline_executions")}


def span(run: str, name: str, start_ns: int, **attributes: str) -> dict[str, Any]:
    identity = {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "p"}
    return {
        "trace_id": run.encode().ljust(16, b"\0")[:16],
        "span_id": name.encode().ljust(8, b"\0"),
        "parent_span_id": b"\1" * 8,
        "name": name,
        "start_time_unix_nano": start_ns,
        "end_time_unix_nano": start_ns + 1,
        "attributes": identity | attributes,
    }


def test_silence_tells_that_a_run_is_lost(store: EmbeddedStore) -> None:
    for run, ago, status in (
        ("working", 4, "running"),
        ("killed", 9, "running"),
        ("killed while it waited", 9, "waiting"),
        ("paused", 600, "paused"),
    ):
        hear(store, run, ago + 2, "running", semconv.EVENT_PIPELINE_STARTED)
        hear(store, run, ago, status)
    hear(store, "ended", 600, "failed", semconv.EVENT_PIPELINE_ERROR)
    expected = {
        "working": "running",
        "killed": "lost",
        "killed while it waited": "lost",
        "paused": "paused",
        "ended": "failed",
    }
    assert statuses(store) == expected

    hear(store, "killed", 0, "running")
    assert statuses(store) == {**expected, "killed": "running"}


def test_a_run_of_which_steps_have_ended_is_lost_all_the_same(store: EmbeddedStore, ingest: Ingest) -> None:
    now = time.time_ns()
    root = {semconv.RUN_STATUS: "completed"}
    ingest(
        otlp.traces(
            *(span(run, "step", now - MINUTE_NS) for run in ("killed", "working", "done", "no heartbeats")),
            span("done", "root", now - MINUTE_NS, **root),
            span("no heartbeats, long ago", "step", now - 6 * MINUTE_NS),
        )
    )
    for run, ago in (("killed", 9), ("working", 1), ("done", 60)):
        hear(store, run, ago, "running")
    assert statuses(store) == {
        "killed": "lost",
        "working": "running",
        "done": "completed",
        "no heartbeats": "running",
        "no heartbeats, long ago": "lost",
    }


def test_all_readers_have_the_same_patience() -> None:
    (views,) = SCHEMA.glob("*_views.sql")
    assert f" {semconv.RUN_LOST_AFTER_S}000000000, 'lost'" in views.read_text()
