"""Runs of any age, found by what a reader remembers of them, on the real engine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import semconv as s
from quarterdeck_ui import queries
from quarterdeck_ui.queries import RunRow, RunSearch, Store
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for

DAY_S = 86_400
EVER = (2**62, "")


@dataclass(frozen=True)
class Past:
    """A run of the past: when it began (seconds ago), how long it took, what it used and how it ended."""

    name: str
    ago: float
    seconds: float = 5
    status: str = "completed"
    model: str = "claude-sonnet-4-5"
    tokens: int = 1000
    service: str = "web"
    environment: str = "prod"
    error: str = ""


PAST = (
    Past("invoice", 60),
    Past("invoice", 7200, seconds=300),
    Past("nightly", 20 * 3600, model="gemini-2.5-flash", status="cancelled"),
    Past("invoice", 2 * DAY_S, tokens=1_000_000),
    Past("nightly", 9 * DAY_S, status="failed", error="ValueError: the Zyxneedle is lost", environment="test"),
    Past("crawl", 30 * DAY_S, model="", service="batch"),
    Past("crawl", 30 * DAY_S + 1, model="a-model-without-a-price", service="batch"),
)


def told(home: CollectorProcess, past: Past, index: int) -> str:
    """Send the spans of a run, whose root and call arrive apart."""
    run_id, trace = f"past-{index}", otlp.new_trace_id()
    begin = time.time_ns() - int(past.ago * 1e9)
    resource = {"service.name": past.service, "deployment.environment.name": past.environment}
    stamps = {s.RUN_ID: run_id, s.PIPELINE_NAME: past.name}
    root = {
        "trace_id": trace,
        "span_id": b"rootroot",
        "name": f"invoke_workflow {past.name}",
        "start_time_unix_nano": begin,
        "end_time_unix_nano": begin + int(past.seconds * 1e9),
        "attributes": {**stamps, s.RUN_STATUS: past.status, **({s.ERROR_TYPE: "ValueError"} if past.error else {})},
        **({"status": {"code": 2, "message": past.error}} if past.error else {}),
    }
    used = {s.OPERATION_NAME: s.OPERATION_CHAT, s.RESPONSE_MODEL: past.model, s.USAGE_INPUT_TOKENS: past.tokens}
    call = root | {"span_id": b"callcall", "parent_span_id": b"rootroot", "name": "chat", "attributes": stamps | used}
    for span in (call, root) if past.model else (root,):
        home.post("/v1/traces", otlp.traces(span, resource=resource).SerializeToString()).raise_for_status()
    return run_id


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("history")
    with collector(folder / "data") as home:
        for index, past in enumerate(PAST):
            told(home, past, index)
        stored = f"{len(PAST)}\t{sum(bool(past.model) for past in PAST)}"
        wait_for(
            lambda: home.sql("SELECT uniqIf(RunId, RootSeen), sum(ModelCalls) FROM quarterdeck.runs") == stored, 60
        )
        yield Store(home.clickhouse, "quarterdeck")


def search(
    store: Store, behind: tuple[int, str] = EVER, since_ns: int = 0, limit: int = 100, **wanted: Any
) -> list[RunRow]:
    looks = queries.search_runs(store, replace(RunSearch(), **wanted), behind, since_ns, limit)
    return [row for found in looks for row in found.rows]


def numbers(rows: list[RunRow]) -> list[int]:
    return [int(row.id.removeprefix("past-")) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"words": ("zyxneedle",)}, [4]),
        ({"words": ("PAST-3",)}, [3]),
        ({"words": ("invoice", "sonnet")}, [0, 1, 3]),
        ({"words": ("invoice", "gemini")}, []),
        ({"pipeline": "Night"}, [2, 4]),
        ({"statuses": ("failed", "cancelled")}, [2, 4]),
        ({"statuses": ("",)}, []),
        ({"model": "flash"}, [2]),
        ({"seconds_from": 10.0}, [1]),
        ({"seconds_to": 10.0, "pipeline": "invoice"}, [0, 3]),
        ({"cost_from": 1.0}, [3]),
        ({"cost_to": 1.0, "pipeline": "invoice"}, [0, 1]),
        ({"cost_to": 1.0, "pipeline": "crawl"}, [5]),
        ({"environment": "test"}, [4]),
        ({"service": "batch", "words": ("price",)}, [6]),
        ({"statuses": ("cancelled", "failed"), "model": "flash"}, [2]),
        ({"cost_from": 1.0, "seconds_from": 1.0, "seconds_to": 5.0, "statuses": ("completed",)}, [3]),
        ({"cost_from": 1.0, "seconds_from": 6.0}, []),
    ],
)  # fmt: skip
def test_a_search_finds_the_runs_that_fit(store: Store, wanted: dict[str, Any], found: list[int]) -> None:
    assert numbers(search(store, **wanted)) == found


def test_pages_of_any_size_give_every_run_once(store: Store) -> None:
    for limit in (1, 2, 3):
        behind: tuple[int, str] | None = EVER
        rows: list[RunRow] = []
        while behind:
            looks = list(queries.search_runs(store, RunSearch(), behind, 0, limit))
            page = [row for found in looks for row in found.rows]
            assert len(page) <= limit
            rows += page
            behind = looks[-1].next if looks else None
        assert numbers(rows) == list(range(len(PAST)))


def test_a_range_bounds_the_search(store: Store) -> None:
    now = time.time_ns()
    between = ((now - 3600 * 10**9, ""), now - 5 * DAY_S * 10**9)
    assert numbers(search(store, *between)) == [1, 2, 3]


def test_it_is_told_how_far_back_a_rare_word_was_looked_for(store: Store) -> None:
    looks = list(queries.search_runs(store, RunSearch(words=("zyxneedle",)), EVER, 0, 5))
    backs = [found.since_ns for found in looks]
    assert backs == sorted(backs, reverse=True)
    assert len(looks) > 2
    assert [len(found.rows) for found in looks].count(0) == len(looks) - 1
    assert looks[-1].next is None


def test_an_empty_store_has_no_history(tmp_path: Path) -> None:
    with collector(tmp_path / "data") as home:
        assert search(Store(home.clickhouse, "quarterdeck")) == []
