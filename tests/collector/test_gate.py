"""The gate before the inserts."""

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_collector import gate
from quarterdeck_collector.gate import BusyError, GatedStore
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.room import RESERVE, Room
from support.stores import ShortNames
from support.waiting import eventually

SEGMENT = Path("segment.otlp")
AWAY, BAD = 210, 117


class SlowStore(ShortNames):
    """A store whose inserts end when the test says so."""

    def __init__(self) -> None:
        self.database, self.dict_auth = "tests", ""
        self.room = Room(Path(), RESERVE)
        self.begun: list[str] = []
        self.may_end = threading.Event()
        self.error: StoreError | None = None

    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:  # noqa: ARG002
        self.begun.append(token)
        assert self.may_end.wait(90)
        if self.error:
            raise self.error


def _insert(gated: GatedStore, token: str) -> threading.Thread:
    def run() -> None:
        with contextlib.suppress(StoreError):
            gated.insert_otlp("otlp_traces_in", SEGMENT, "ExportTraceServiceRequest", token)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _close(gated: GatedStore, inside: threading.Event, leave: threading.Event) -> threading.Thread:
    def run() -> None:
        with gated.closed():
            inside.set()
            assert leave.wait(90)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_closed_gate_waits_for_the_insert_under_way_and_holds_up_the_next() -> None:
    store = SlowStore()
    gated = GatedStore(store)
    inside, leave = threading.Event(), threading.Event()
    first = _insert(gated, "traces-1")
    eventually(lambda: store.begun)
    closing = _close(gated, inside, leave)
    eventually(lambda: gated._closed)
    second = _insert(gated, "traces-2")
    assert not inside.is_set()

    store.may_end.set()
    first.join()
    assert inside.wait(90)
    assert store.begun == ["traces-1"]

    leave.set()
    closing.join()
    second.join()
    assert store.begun == ["traces-1", "traces-2"]


def test_an_insert_that_may_be_stored_in_part_keeps_the_gate_open_until_it_succeeds() -> None:
    store = SlowStore()
    store.may_end.set()
    gated = GatedStore(store)
    store.error = StoreError("Code: 210. DB::NetException", AWAY)
    _insert(gated, "traces-1").join()
    with pytest.raises(BusyError, match="ClickHouse does not take what waits for it"), gated.closed():
        pass

    store.error = None
    _insert(gated, "traces-1").join()
    with gated.closed():
        pass


@pytest.mark.parametrize("earlier", [None, StoreError("Code: 1. DB::Exception", 1)])
def test_requests_that_can_never_be_stored_do_not_keep_it_open(earlier: StoreError | None) -> None:
    store = SlowStore()
    store.may_end.set()
    gated = GatedStore(store)
    for error in filter(None, [earlier, StoreError("Code: 117. DB::Exception", BAD)]):
        store.error = error
        _insert(gated, "traces-1").join()

    with gated.closed():
        pass


def test_an_insert_that_a_later_view_refused_keeps_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    store = SlowStore()
    store.may_end.set()
    gated = GatedStore(store)
    store.error = StoreError("Code: 117. DB::Exception: no: while pushing to view default.runs_mv", BAD)
    _insert(gated, "traces-1").join()

    with pytest.raises(BusyError, match="does not take what waits"), gated.closed():
        pass


def test_an_insert_that_does_not_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    store = SlowStore()
    gated = GatedStore(store)
    hanging = _insert(gated, "traces-1")
    eventually(lambda: store.begun)
    with pytest.raises(BusyError, match=r"has not ended in 0\.05 s"), gated.closed():
        pass

    store.may_end.set()
    hanging.join()
    assert not gated._closed


def test_everything_else_passes(store: ShortNames) -> None:
    gated: Any = GatedStore(store)
    with gated.closed():
        gated.command("CREATE TABLE $t (n UInt8) ENGINE = Memory")
        gated.insert_rows("t", [{"n": 1}])
        assert (gated.rows("SELECT n FROM $t"), gated.json_rows("SELECT n FROM $t")) == ([["1"]], [{"n": 1}])
