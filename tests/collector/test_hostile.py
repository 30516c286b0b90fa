"""Hostile input and circumstances: no 5xx for the sender's mistakes, nothing acknowledged lost, no way to hang."""

import asyncio
import contextlib
import gzip
import json
import resource
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck import semconv
from quarterdeck_collector import deliver
from quarterdeck_collector.broker import Broker
from quarterdeck_collector.commit import Budget, CommitLog, SegmentLimits, SpoolFullError
from quarterdeck_collector.counters import Counters
from quarterdeck_collector.deliver import Delivery
from quarterdeck_collector.insertion import Insertion
from quarterdeck_collector.live import LiveIntake
from quarterdeck_collector.quarantine import Quarantine
from quarterdeck_collector.receive.otlp import TRACES
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import OpenSegment, Segment, frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import CollectorProcess, Ingest, collector, wait_for

LARGEST = 2**64 - 1


@pytest.mark.parametrize(
    "odd",
    [
        {"attributes": {semconv.SPAN_START: "²"}},
        {"attributes": {semconv.SPAN_START: "9" * 30}},
        {"attributes": {semconv.CHUNK_SEQUENCE: "9" * 30}},
        {"attributes": {semconv.CHUNK_SEQUENCE: -1}},
        {"time_unix_nano": LARGEST},
        {"time_unix_nano": 0},
        {"attributes": {semconv.CHUNK_TEXT: "\x00\u2028"}},
        {"body": {"a": [float("nan"), b"\xff", None, {"b": float("inf")}]}},
    ],
)
def test_an_odd_live_event_is_taken_as_well_as_it_can_be(running: CollectorProcess, odd: dict[str, Any]) -> None:
    run = uuid.uuid4().hex
    event = {"event_name": semconv.EVENT_STEP_PROGRESS, **odd}
    event["attributes"] = {semconv.RUN_ID: run, **odd.get("attributes", {})}
    answer = running.post("/v1/logs", otlp.logs(event, scope=semconv.LIVE_SCOPE).SerializeToString())

    assert answer.status_code == 200
    assert running.sql("SELECT count() FROM live_events WHERE RunId = {run:String}", run=run) == "1"


ODD_TIMES = [(0, 0), (1, LARGEST), (LARGEST, LARGEST), (LARGEST, 1), (2**63, 2**63 + 1), (4_200_000_000 * 10**9, 2**63)]


@pytest.mark.parametrize(("start", "end"), ODD_TIMES)
def test_a_span_at_an_odd_time_is_stored_once_and_so_are_its_neighbours(
    store: EmbeddedStore, ingest: Ingest, start: int, end: int
) -> None:
    odd = {"name": "odd", "start_time_unix_nano": start, "end_time_unix_nano": end, "events": [{"time_unix_nano": end}]}
    ingest(otlp.traces({"name": "before"}, odd, {"name": "after"}))

    names = store.rows("SELECT SpanName FROM $otel_traces ORDER BY SpanName")
    assert names == [["after"], ["before"], ["odd"]]
    assert store.rows("SELECT sum(Spans), countIf(End < Start) FROM $runs") == [["3", "0"]]


def test_a_log_at_an_odd_time_is_stored(store: EmbeddedStore, ingest: Ingest) -> None:
    ingest(otlp.logs({"time_unix_nano": LARGEST, "body": "late", "severity_number": -1}, {"body": "now"}))

    assert store.rows("SELECT Body FROM $otel_logs ORDER BY Body") == [["late"], ["now"]]


def test_ids_of_zeros_no_ids_and_four_thousand_attributes(store: EmbeddedStore, ingest: Ingest) -> None:
    many = {f"key {number}": number for number in range(4_000)}
    ingest(
        otlp.traces({"trace_id": bytes(16), "span_id": bytes(8)}, {"trace_id": b"", "span_id": b"", "attributes": many})
    )

    assert store.rows("SELECT length(SpanAttributes) FROM $otel_traces ORDER BY 1") == [["0"], ["4000"]]


@pytest.mark.parametrize(
    "body",
    [
        {"resourceSpans": 5},
        {"resourceSpans": [5]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\ud800"}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "1" * 40}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": []}]}]}]},
        {"resourceSpans": {"scopeSpans": None}},
        {"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": {"intValue": "x"}}]}}]},
        {"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": 5}]}}]},
    ],
)
def test_json_of_a_wrong_shape_is_the_senders_fault(running: CollectorProcess, body: Any) -> None:
    answer = running.post("/v1/traces", json.dumps(body).encode(), content_type="application/json")

    assert answer.status_code == 400


def test_empty_requests_are_taken(running: CollectorProcess) -> None:
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        assert running.post(path, b"").status_code == 200


def test_listening_after_a_position_beyond_every_table(running: CollectorProcess) -> None:
    for position in ("0", "99999999999999999999", "18446744073709551616-0"):
        headers = {"last-event-id": position}
        with httpx.stream("GET", f"{running.otlp}/v1/live?run=none", headers=headers, timeout=30) as answer:
            assert answer.status_code == 200


class SlowStore(EmbeddedStore):
    """A store that takes nothing until it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.at_once = 0
        self.most_at_once = 0
        self.inserted: list[Any] = []

    def insert_rows(self, table: str, rows: Any) -> None:
        assert table == "live_events"
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.gate.wait(120)
        self.inserted += rows
        self.at_once -= 1


async def test_a_slow_clickhouse_gets_one_live_insert_at_a_time() -> None:
    store = SlowStore()
    intake = LiveIntake(store, Broker())
    waiting = []
    for number in range(5):
        waiting.append(asyncio.create_task(intake.accept([{"n": number}])))
        await asyncio.sleep(0.15)
    assert store.most_at_once == 1
    store.gate.set()
    await asyncio.gather(*waiting)
    assert [row["n"] for row in store.inserted] == [0, 1, 2, 3, 4]
    assert store.most_at_once == 1


async def test_closing_does_not_wait_for_a_clickhouse_that_hangs() -> None:
    store = SlowStore()
    intake = LiveIntake(store, Broker())
    waiting = asyncio.create_task(intake.accept([{}]))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(60):
        await intake.close()
    store.gate.set()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.fixture
def tarpit() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_clickhouse_that_hangs_holds_up_neither_requests_nor_the_stop(tmp_path: Path, tarpit: str) -> None:
    with collector(tmp_path / "data", "--clickhouse-url", tarpit, ready=False) as running:
        assert running.post("/v1/traces", otlp.traces({}).SerializeToString()).status_code == 200
        event = otlp.logs({"event_name": "e"}, scope=semconv.LIVE_SCOPE).SerializeToString()
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{running.otlp}/v1/logs",
                content=event,
                headers={"content-type": "application/x-protobuf"},
                timeout=httpx.Timeout(90, read=1),
            )
        assert httpx.get(f"{running.otlp}/healthz").status_code == 200
        running.process.terminate()
        assert running.process.wait(40) == 0


@pytest.fixture
def small_files() -> Iterator[None]:
    """A disk on which no file grows beyond 64 KB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_was_acknowledged_is_delivered_while_the_disk_takes_nothing_more(
    tmp_path: Path, small_files: None
) -> None:
    assert small_files is None
    sealed: list[Segment] = []
    log = CommitLog(tmp_path / "traces", Budget(10**9), SegmentLimits(10**9, 0.2, 10**9), sealed.append)
    assert await log.append(b"good", 1)
    while not sealed:  # one commit after the other fails, also at the moment the segment is due
        with pytest.raises(SpoolFullError):
            await log.append(b"x" * 100_000, 1)
    assert [(segment.items, segment.path.read_bytes()) for segment in sealed] == [(1, frame(b"good"))]
    await log.close()


class MoodyStore(EmbeddedStore):
    """A store that refuses for a reason that has nothing to do with the data."""

    database = "db"

    def __init__(self) -> None:
        self.code = 241

    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        assert (table, segment.exists(), message != "", token != "") == ("t", True, True, True)
        if self.code:
            raise StoreError(f"Code: {self.code}. DB::Exception: (MEMORY_LIMIT_EXCEEDED)", self.code)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_refusal_that_meets_every_segment_neither_divides_nor_sets_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(deliver, "LONGEST_PAUSE", 0.001)
    store, counters = MoodyStore(), Counters()
    insertion = Insertion(TRACES, "t", store, Quarantine(tmp_path))
    delivery = Delivery(insertion, "traces", counters, lambda _: None, lambda _: None)
    opened = OpenSegment(tmp_path)
    opened.append([frame(otlp.traces({}).SerializeToString())], 1)
    segment = opened.seal()
    assert segment is not None
    delivery.put(segment)
    task = asyncio.create_task(delivery.run())
    async with asyncio.timeout(60):
        while [one.attempts for one in delivery.waiting] <= [deliver.ASIDE_AFTER]:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
    assert (names_in(tmp_path), delivery.failing) == ([segment.path.name], True)
    store.code = 0
    async with asyncio.timeout(60):
        while not counters.get("stored_items", signal="traces"):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
        delivery.close()
        await task


@contextlib.contextmanager
def sockets_of(number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.socket()) for _ in range(number)]


def peek(one: socket.socket) -> bytes:
    one.setblocking(False)  # noqa: FBT003 - as the standard library spells it
    try:
        return one.recv(1_000, socket.MSG_PEEK)
    except OSError:
        return b""


def test_unfinished_bodies_count_against_the_memory_limit(tmp_path: Path) -> None:
    flags = ("--max-inflight-bytes", "3000000", "--max-body-bytes", "2000000")
    with collector(tmp_path / "data", *flags) as running, sockets_of(4) as sockets:
        for one in sockets:
            host, port = running.otlp.removeprefix("http://").split(":")
            one.connect((host, int(port)))
            head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
            head += "content-length: 1900000\r\n\r\n"
            one.sendall(head.encode() + bytes(1_500_000))
        wait_for(lambda: b" 503 " in b"".join(peek(one) for one in sockets))
        for one in sockets:
            one.close()
        wait_for(lambda: running.post("/v1/traces", otlp.traces({}).SerializeToString()).status_code == 200)


def test_a_large_json_body_does_not_stop_the_clock_for_others(running: CollectorProcess) -> None:
    span = {"name": "n", "attributes": [{"key": f"k{n}", "value": {"stringValue": "v"}} for n in range(20)]}
    large = gzip.compress(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span] * 15_000}]}]}).encode())
    answers: list[int] = []
    post = lambda: answers.append(  # noqa: E731 - a thread's work
        running.post("/v1/traces", large, content_type="application/json", content_encoding="gzip").status_code
    )
    worker = threading.Thread(target=post)
    worker.start()
    heard = 0
    while worker.is_alive():
        assert httpx.get(f"{running.otlp}/healthz", timeout=30).status_code == 200
        heard += 1
    assert answers == [200]
    assert heard > 10
