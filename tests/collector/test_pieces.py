"""Segments that ClickHouse refuses for their content: what can be stored is, once; the rest holds up nobody."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck_collector.insertion import Insertion
from quarterdeck_collector.joining import finish_joins, join
from quarterdeck_collector.pieces import divide, recover_pieces
from quarterdeck_collector.quarantine import Quarantine
from quarterdeck_collector.receive.otlp import TRACES
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import OpenSegment, Segment, frame, recover, unframe
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for
from support.exactly_once import derived_sums, spans_of_traces

LITTLE_MEMORY = (
    "import quarterdeck_collector.store as s; s._INSERT_SETTINGS['max_memory_usage'] = '70000000'; "
    "import quarterdeck_collector.deliver as d; d.FIRST_PAUSE = 0.01; d.LONGEST_PAUSE = 0.1"
)
"""A prelude: ClickHouse refuses inserts that take more than 70 MB."""
MANY = 6_000
DAY = 86_400 * 10**9
START = 1_767_225_600 * 10**9


def many(trace_id: bytes) -> bytes:
    """A request that 70 MB are too little for, with spans of three days."""
    text = "x" * 1_200
    spans = [
        {"trace_id": trace_id, "start_time_unix_nano": START + number % 3 * DAY, "attributes": {"text": text}}
        for number in range(MANY)
    ]
    body: bytes = otlp.traces(*spans).SerializeToString()
    return body


def huge(trace_id: bytes) -> bytes:
    """A request whose single span is too much."""
    body: bytes = otlp.traces({"trace_id": trace_id, "attributes": {"text": "x" * 30_000_000}}).SerializeToString()
    return body


def checks(running: CollectorProcess) -> Any:
    answer = httpx.get(f"{running.otlp}/readyz")
    return answer.status_code, answer.json()["checks"]


@pytest.mark.timeout(240)
def test_what_is_too_much_is_stored_in_pieces_or_kept_over_kills_and_stored_once_when_there_is_room(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    segments = data / "segments" / "traces"
    first, monster, second, last = (otlp.new_trace_id() for _ in range(4))
    bodies = [many(first), huge(monster), many(second)]
    with collector(data, prelude=LITTLE_MEMORY) as running:
        for body in bodies:
            assert running.post("/v1/traces", body).status_code == 200
        wait_for(lambda: any(segments.glob("pieces/*.otlp")), every=0.001)
        running.kill()
    with collector(data, ready=False, prelude=LITTLE_MEMORY) as running:  # what was divided before stays so
        wait_for(lambda: running.sql("SELECT count() FROM quarterdeck.otel_traces") != "0", every=0.001)
        running.kill()

    with collector(data, ready=False, prelude=LITTLE_MEMORY) as running:
        assert running.post("/v1/traces", bodies[0]).status_code == 200  # a client that had no answer
        assert running.post("/v1/traces", otlp.traces({"trace_id": last}).SerializeToString()).status_code == 200
        stored = {first.hex(): MANY, second.hex(): MANY, last.hex(): 1}
        wait_for(lambda: spans_of_traces(running.sql) == stored)
        wait_for(lambda: "rejected traces" in checks(running)[1])
        status, found = checks(running)
        (kept,) = segments.glob("rejected/*.otlp")
        assert (status, found["rejected traces"]["required"]) == (200, False)
        assert f"({kept.stat().st_size} bytes) in {segments / 'rejected'}" in found["rejected traces"]["reason"]
        assert "Code: 241" in found["rejected traces"]["reason"]
        numbers = httpx.get(f"{running.otlp}/metrics").text
        assert f'quarterdeck_collector_set_aside_bytes{{signal="traces"}} {kept.stat().st_size}' in numbers
        assert 'quarterdeck_collector_refused_items_total{signal="traces"} 1\n' in numbers
        wait_for(lambda: not list(segments.rglob("pieces/*.otlp")))
        assert running.stop() == 0

    kept.rename(segments / "pieces" / kept.name)
    with collector(data) as running:
        wait_for(lambda: spans_of_traces(running.sql) == {**stored, monster.hex(): 1})
        wait_for(lambda: "rejected traces" not in checks(running)[1])
        sums = derived_sums(running.sql)
    assert sums["runs.Spans"][0] == 2 * MANY + 2
    assert [name for name, (now, right) in sums.items() if now != right] == []


class KilledError(Exception):
    """The process was killed here."""


STEPS = [(os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "unlink"), (Path, "open")]


def killed_at(patched: pytest.MonkeyPatch, step: int, work: Callable[[], Any]) -> bool:
    """Do some work until the step of that number; whether it comes to that."""
    numbers = itertools.count()

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def one(*args: Any, **kwargs: Any) -> Any:
            if next(numbers) >= step:
                raise KilledError
            return real(*args, **kwargs)

        return one

    with patched.context() as inner:
        for owner, name in STEPS:
            inner.setattr(owner, name, counting(getattr(owner, name)))
        try:
            work()
        except KilledError:
            return True
    return False


def span_names(segment: Segment) -> list[str]:
    """The names of all spans of a file."""
    messages = [TRACES.request.FromString(bytes(body)) for body in unframe(segment.path.read_bytes())[0]]
    return [span.name for message in messages for scoped in TRACES.scopes(message) for span in scoped.spans]


def found_again(folder: Path) -> list[Segment]:
    """The segments that a next start finds."""
    finish_joins(folder)
    return [one for one, _ in (*recover(folder, TRACES.count_bytes), *recover_pieces(TRACES, folder))]


@pytest.mark.parametrize("requests", [1, 5])
def test_a_kill_at_any_step_of_a_division_leaves_every_span_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    want = sorted(f"{request}.{span}" for request in range(requests) for span in range(4))
    pieces = []
    for step in itertools.count():
        folder = tmp_path / str(step) / "traces"
        folder.mkdir(parents=True)
        whole = folder / "00000000000000000007-1-0.otlp"
        bodies = [otlp.traces(*({"name": f"{n}.{s}"} for s in range(4))).SerializeToString() for n in range(requests)]
        whole.write_bytes(b"".join(map(frame, bodies)))

        killed = killed_at(monkeypatch, step, partial(divide, TRACES, Segment(whole, 4 * requests, 1)))

        found = found_again(folder)
        assert sorted(name for segment in found for name in span_names(segment)) == want, step
        pieces.append(len({segment.token for segment in found}))
        if not killed:
            break
    assert (pieces[0], pieces[-1]) == (1, 2)


def test_a_kill_at_any_step_of_joining_leaves_every_span_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = []
    for step in itertools.count():
        folder = tmp_path / str(step) / "traces"
        folder.mkdir(parents=True)
        parts = []
        for name in "abc":
            opened = OpenSegment(folder)
            opened.append([frame(otlp.traces({"name": name}).SerializeToString())], 1, name.encode())
            sealed = opened.seal()
            assert sealed is not None
            parts.append(sealed)
        with parts[1].path.open("ab") as torn:
            torn.write(b"\xffcut")

        killed = killed_at(monkeypatch, step, partial(join, parts))

        found = found_again(folder)
        assert sorted(name for segment in found for name in span_names(segment)) == ["a", "b", "c"], step
        segments.append(len(found))
        if not killed:
            break
    assert (segments[0], segments[-1]) == (3, 1)
    assert (found[0].token, found[0].items) == (parts[0].token, 3)


def test_a_segment_that_clickhouse_still_works_on_is_not_divided(store: EmbeddedStore, tmp_path: Path) -> None:
    path = tmp_path / "7-1-0.otlp"
    path.write_bytes(frame(otlp.traces({}).SerializeToString()) * 2)
    segment = Segment(path, 2, 1, signal="traces")
    insertion = Insertion(TRACES, "otlp_traces_in", store, Quarantine(tmp_path))
    late = "INSERT INTO $rebuilds (Day) SELECT today() FROM numbers(1000) WHERE sleepEachRow(0.1) SETTINGS "
    late += f"insert_deduplication_token = '{segment.token}', max_block_size = 1"
    running = "SELECT query_id FROM system.processes WHERE query LIKE 'INSERT%sleepEachRow%'"
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.command, late)
        (query,) = wait_for(lambda: [row[0] for row in store.rows(running)])
        while_it_runs = insertion.divide(segment)
        store.command(f"KILL QUERY WHERE query_id = '{query}' SYNC")
        assert isinstance(slow.exception(), StoreError)

    assert while_it_runs == []
    assert [half.items for half in insertion.divide(segment)] == [1, 1]


@pytest.mark.parametrize(
    ("message", "half_stored"),
    [
        ("would use 44 MiB: while pushing to view q.otlp_traces_in_mv. (MEMORY_LIMIT_EXCEEDED)", False),
        ("no: while executing 'x': while pushing to view q.otlp_logs_in_mv (`1.2`)", False),
        ("no: while pushing to view q.llm_1m_mv. (MEMORY_LIMIT_EXCEEDED)", True),
        ("no: while pushing to view q.mine: while pushing to view q.otlp_traces_in_mv.", True),
    ],
)
def test_only_a_failure_behind_the_view_that_reads_requests_leaves_something_stored(
    message: str, half_stored: bool
) -> None:
    assert StoreError(message, 241).half_stored == half_stored
