"""How segments grow, wait and reach the store."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_collector.commit import Budget, CommitLog, SegmentLimits
from quarterdeck_collector.counters import Counters
from quarterdeck_collector.deliver import Delivery
from quarterdeck_collector.durability import sync_parts
from quarterdeck_collector.insertion import Insertion
from quarterdeck_collector.quarantine import Quarantine
from quarterdeck_collector.receive.otlp import TRACES
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.request_keys import RequestKeys
from quarterdeck_collector.segments import Segment, frame, unframe
from quarterdeck_collector.store import EmbeddedStore
from support import otlp

LARGEST = 1_000
ONE = bytes(90)


class SlowStore(EmbeddedStore):
    """A store whose next insert ends when it is told to."""

    database = "db"

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun = 0
        self.inserted: list[int] = []

    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        assert (table, message != "", token != "") == ("t", True, True)
        bodies, _ = unframe(segment.read_bytes())
        self.begun += 1
        self.gate.acquire()
        self.inserted.append(len(bodies))


async def until(ask: Callable[[], Any], answer: Any) -> None:
    async with asyncio.timeout(10):
        while ask() != answer:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("more", "batches", "beside"), [(5, [1, 5], 1), (25, [1, 11, 11, 3], 0), (25, [1, 11, 11, 3], 1)]
)
async def test_a_segment_grows_while_clickhouse_is_busy_up_to_its_largest_size_and_is_then_inserted_beside(
    tmp_path: Path, more: int, batches: list[int], beside: int
) -> None:
    store = SlowStore()
    insertion = Insertion(TRACES, "t", store, Quarantine(tmp_path))
    delivery = Delivery(
        insertion, "traces", Counters(), lambda _: None, lambda _: None, beside_from=LARGEST if beside else 10 * LARGEST
    )
    limits = SegmentLimits(size=50, age=9, largest=LARGEST)
    log = CommitLog(tmp_path / "traces", Budget(10**9), limits, delivery.put, busy=lambda: delivery.busy)
    delivery.on_free = log.seal_if_ripe
    task = asyncio.create_task(delivery.run())
    await log.append(ONE, 1)
    await until(lambda: (len(delivery.waiting), log.open_items), (1, 0))  # the first is being inserted
    for number in range(more):
        await log.append(ONE + bytes([number]), 1)
    await asyncio.sleep(0.05)
    assert (len(delivery.waiting), store.begun) == (1 + more // 11, 1 + beside * (more > LARGEST // len(ONE)))
    for _ in batches:
        store.gate.release()
    await until(lambda: sum(store.inserted), 1 + more)
    assert sorted(store.inserted) == sorted(batches)
    await log.close()
    delivery.close()
    await task


def test_keys_outlive_the_process_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    keys = [bytes([n]) * 16 for n in range(7)]
    for key in keys:
        RequestKeys(tmp_path, limit=2).add(key)

    assert list(RequestKeys(tmp_path)) == keys[4:]


def test_keys_that_were_written_in_part_are_written_over(tmp_path: Path) -> None:
    (tmp_path / "recent.keys").write_bytes(b"a" * 16 + b"torn")
    assert list(RequestKeys(tmp_path)) == [b"a" * 16]

    RequestKeys(tmp_path).add(b"b" * 16 + b"c" * 16)

    assert list(RequestKeys(tmp_path)) == [b"a" * 16, b"b" * 16, b"c" * 16]


async def test_a_segment_is_sealed_in_time_however_busy_clickhouse_is(tmp_path: Path) -> None:
    sealed: list[float] = []
    limits, clock = SegmentLimits(size=10**9, age=0.05, largest=10**9), asyncio.get_running_loop()
    seal = lambda _: sealed.append(clock.time())  # noqa: E731 - what is told
    log = CommitLog(tmp_path / "traces", Budget(10**9), limits, seal, busy=lambda: True)
    await log.append(b"one", 1)
    begun = clock.time()
    await until(lambda: len(sealed), 1)
    assert sealed[0] - begun > 2 * limits.age
    await log.close()


class PickyStore(EmbeddedStore):
    """A store that refuses every file with a certain request in it."""

    database = "db"

    def __init__(self, poison: bytes) -> None:
        self.poison = poison
        self.tokens: list[str] = []
        self.taken: dict[str, list[bytes]] = {}

    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        assert (table, message) == ("t", "ExportTraceServiceRequest")
        self.tokens.append(token)
        bodies = [bytes(body) for body in unframe(segment.read_bytes())[0]]
        if self.poison in bodies:
            raise StoreError("Code: 444. DB::Exception: Protobuf messages are corrupted", 444)
        self.taken[token] = bodies


def test_a_poisoned_request_is_found_by_halves_under_tokens_that_stay(tmp_path: Path) -> None:
    bodies = [otlp.traces({}).SerializeToString() for _ in range(100)]
    bodies[37] = b"\x0a\x05\x12\x03\x12\x01\x4a"  # whole on the outside, broken inside the span
    (tmp_path / "7-1-0.otlp").write_bytes(b"".join(map(frame, bodies)))
    segment, store = Segment(tmp_path / "7-1-0.otlp", 100, 1), PickyStore(bodies[37])

    refused = [Insertion(TRACES, "t", store, Quarantine(tmp_path)).insert(segment) for _ in range(2)]

    assert refused == [1, 1]
    assert sorted(body for taken in store.taken.values() for body in taken) == sorted(bodies[:37] + bodies[38:])
    assert len(store.tokens) < 40
    assert store.tokens[: len(store.tokens) // 2] == store.tokens[len(store.tokens) // 2 :]
    assert [(path.name, path.read_bytes()) for path in tmp_path.glob("rejected/*.otlp")] == [
        ("7-1-0-37-1.otlp", frame(bodies[37]))
    ]
    assert not list(tmp_path.glob("*.tmp"))


FORGIVEN = {
    "a bool that is neither 0 nor 1": b"\x10\x11",
    "a oneof that is given twice": b"\x0a\x01x\x18\x01",
    "a field of another type": b"\x0d\x00\x00\x00\x00\x18\x01",
    "json_value, which is ours": b"\xa2\x01\x01x\x18\x01",
}


@pytest.mark.parametrize("value", FORGIVEN.values(), ids=FORGIVEN)
def test_what_only_googles_parser_reads_is_stored_with_its_neighbours(
    store: EmbeddedStore, tmp_path: Path, value: bytes
) -> None:
    attribute = b"\x0a\x01k\x12" + frame(value)
    span = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"\x4a" + frame(attribute)
    odd = b"\x0a" + frame(b"\x12" + frame(b"\x12" + frame(span)))
    good = otlp.traces({"name": "good"}).SerializeToString()
    (tmp_path / "odd.otlp").write_bytes(frame(good) + frame(odd))

    insertion = Insertion(TRACES, "otlp_traces_in", store, Quarantine(tmp_path))
    assert TRACES.count_bytes(odd) == 1
    assert insertion.insert(Segment(tmp_path / "odd.otlp", 2, 1)) == 0

    stored = store.rows("SELECT SpanName, mapKeys(SpanAttributes) FROM $otel_traces ORDER BY SpanName")
    assert stored == [["", "['k']"], ["good", "[]"]]


async def test_a_segment_whose_spans_are_in_while_a_view_behind_them_fails_is_never_sent_in_pieces(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    store.command("CREATE TABLE $mine (n UInt8) ENGINE = MergeTree ORDER BY n")
    view = "CREATE MATERIALIZED VIEW $mine_mv TO $mine AS SELECT throwIf(SpanName = 'b', 'no') AS n FROM $otel_traces"
    store.command(view)
    counters = Counters()
    insertion = Insertion(TRACES, "otlp_traces_in", store, Quarantine(tmp_path))
    delivery = Delivery(insertion, "traces", counters, lambda _: None, lambda _: None)
    (tmp_path / "x.otlp").write_bytes(b"".join(frame(otlp.traces({"name": n}).SerializeToString()) for n in "abc"))
    delivery.put(Segment(tmp_path / "x.otlp", 3, 1))
    task = asyncio.create_task(delivery.run())
    await until(lambda: [segment.attempts > 1 for segment in delivery.waiting], [True])
    failing = delivery.failing

    store.command("DROP TABLE $mine_mv")
    await until(lambda: counters.get("stored_items", signal="traces"), 3)
    delivery.close()
    await task

    assert (failing, delivery.failing) == (True, False)
    assert store.rows("SELECT SpanName FROM $otel_traces ORDER BY SpanName") == [["a"], ["b"], ["c"]]
    assert store.rows("SELECT sum(Spans) FROM $runs") == [["3"]]


@pytest.mark.parametrize(("sync", "least"), [(True, 2), (False, 0)])
async def test_what_is_acknowledged_has_been_synced_unless_that_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool, least: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("quarterdeck_collector.segments.sync_data", synced.append)
    log = CommitLog(tmp_path / "traces", Budget(10**9), SegmentLimits(10**9, 9, 10**9), lambda _: None, sync=sync)
    for body in (b"one", b"two"):
        assert await log.append(body, 1)
    assert len(synced) == least
    assert all(await asyncio.gather(*(log.append(b"%d" % number, 1) for number in range(50))))
    await log.close()

    assert len(synced) == least + sync  # those that come together share one


def test_every_table_syncs_its_parts_with_full_durability_and_none_without(store: EmbeddedStore) -> None:
    count = "SELECT countIf(engine LIKE '%MergeTree'), countIf(engine_full LIKE '%fsync_after_insert = 1, "
    count += f"fsync_part_directory = 1%') FROM system.tables WHERE database = '{store.database}'"
    changed = sync_parts(store, wanted=True)
    tables, synced = store.rows(count)[0]
    assert "otel_traces" in changed
    assert (int(tables), int(synced)) == (len(changed), len(changed))

    assert sync_parts(store, wanted=True) == []
    assert sync_parts(store, wanted=False) == changed
    assert store.rows(count) == [[tables, "0"]]
