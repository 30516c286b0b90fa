"""The collector as a process: start, stop, crash, and a ClickHouse that is away."""

import re
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from quarterdeck.serving import owner_of
from quarterdeck_collector.__main__ import main
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import EAGER, PATIENCE, CollectorProcess, collector, launch, wait_for
from support.exactly_once import derived_sums, spans_of_traces
from support.gate import Whim, serve_gate
from support.load import SPANS_PER_REQUEST, Load, flat_spans, nested_spans


@pytest.mark.parametrize("over_grpc", [False, True])
def test_a_stop_under_load_exits_cleanly_and_keeps_everything(tmp_path: Path, over_grpc: bool) -> None:
    data = tmp_path / "data"
    with collector(data) as running, Load(over_grpc=over_grpc) as load:
        load.aim(running)
        time.sleep(0.7)
        with httpx.stream("GET", f"{running.otlp}/v1/live", timeout=PATIENCE):  # an open listener does not hold it up
            assert running.stop() == 0
        expected = load.stop()
    assert len(expected) > 10
    with collector(data) as running:
        wait_for(lambda: expected <= spans_of_traces(running.sql).keys())
        assert set(spans_of_traces(running.sql).values()) == {SPANS_PER_REQUEST}
    assert "Traceback" not in running.log.read_text()


def test_a_torn_tail_is_cut_and_a_retry_after_the_restart_is_stored_once(tmp_path: Path) -> None:
    trace_id = otlp.new_trace_id()
    body = otlp.traces({"trace_id": trace_id}).SerializeToString()
    folder = tmp_path / "data" / "segments" / "traces"
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-1-0.otlp").write_bytes(frame(body) + frame(body)[:-5])
    (folder / "00000000000000000002-1-0.otlp").write_bytes(frame(body)[:-5])

    with collector(tmp_path / "data") as running:
        assert running.post("/v1/traces", body).status_code == 200
        wait_for(lambda: spans_of_traces(running.sql) == {trace_id.hex(): 1})
        metrics = httpx.get(f"{running.otlp}/metrics").text
        assert 'replayed_items_total{signal="traces"} 1\n' in metrics
        assert 'duplicate_items_total{signal="traces"} 1\n' in metrics


def test_a_retry_is_stored_once_also_when_its_segment_was_removed_before_the_restart(tmp_path: Path) -> None:
    data, trace_id = tmp_path / "data", otlp.new_trace_id()
    body = otlp.traces({"trace_id": trace_id}).SerializeToString()
    for _ in range(2):
        with collector(data) as running:
            assert running.post("/v1/traces", body).status_code == 200
            wait_for(lambda: spans_of_traces(running.sql) == {trace_id.hex(): 1})
            assert running.stop() == 0
        assert not list((data / "segments").rglob("*.otlp"))

    (data / "segments" / "traces" / "recent.keys").write_bytes(b"torn")  # and the memory is what it is for
    with collector(data) as running:
        assert running.post("/v1/traces", body).status_code == 200
        wait_for(lambda: spans_of_traces(running.sql) == {trace_id.hex(): 2})


def test_the_durability_that_is_set_reaches_the_tables(tmp_path: Path) -> None:
    unsynced = "SELECT count() FROM system.tables WHERE database = 'quarterdeck' AND engine LIKE '%MergeTree' "
    unsynced += "AND engine_full NOT LIKE '%fsync_after_insert = 1%'"
    with collector(tmp_path / "data", "--durability", "full") as running:
        assert running.sql(unsynced) == "0"


def test_a_poisoned_request_is_set_aside_and_its_neighbours_are_stored(tmp_path: Path) -> None:
    good = [otlp.new_trace_id() for _ in range(2)]
    bodies = [otlp.traces({"trace_id": trace_id}).SerializeToString() for trace_id in good]
    folder = tmp_path / "data" / "segments" / "traces"
    folder.mkdir(parents=True)
    poison = b"\x0a\x05\x12\x03\x12\x01\x4a"  # whole to OTLP's counting, broken inside the span
    with collector(tmp_path / "data") as running:
        assert running.stop() == 0  # in the middle of its first start: prices and retention are still being set
    path = folder / "00000000000000000001-1-0.otlp"
    path.write_bytes(frame(bodies[0]) + frame(poison) + frame(bodies[1]))

    with collector(tmp_path / "data", prelude=EAGER) as running:
        wait_for(lambda: spans_of_traces(running.sql) == {trace.hex(): 1 for trace in good})
        wait_for((folder / "rejected" / "00000000000000000001-1-0-1-1.otlp").exists)
        wait_for(lambda: path not in folder.iterdir())
        assert running.log.read_text().count("can never take this request") == 1


SEGMENTS = 7
IMPATIENT = "import quarterdeck_collector.store as s; s._ANSWER_SECONDS = 3"
LATE, CUT_UPLOAD, CUT_ANSWER = Whim(wait=4), Whim(cut="upload"), Whim(cut="answer")


def test_acknowledged_while_clickhouse_is_away_stored_together_when_it_comes_and_once_also_after_a_kill(
    tmp_path: Path, empty_store: EmbeddedStore
) -> None:
    data, count = tmp_path / "data", "SELECT count(), uniqExact(TraceId) FROM $otel_traces"
    bodies = [otlp.traces({"attributes": {"deep": {"a": [1]}}}).SerializeToString()]
    with serve_gate(empty_store) as gate:
        flags = ("--clickhouse-url", gate.url, "--database", empty_store.database, "--segment-max-age", "0.02")
        with collector(data, *flags, ready=False) as running:
            assert running.post("/v1/traces", bodies[0]).status_code == 200
            ready = httpx.get(f"{running.otlp}/readyz")
            assert (ready.status_code, ready.json()["checks"]["clickhouse"]["ok"]) == (503, False)
            assert wait_for(lambda: running.log.read_text().count("ClickHouse cannot be reached, will try again")) == 1

            gate.open()
            wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 200)
            wait_for(lambda: empty_store.rows(count) == [["1", "1"]])

            gate.shut()
            while len(list((data / "segments" / "traces").glob("*.otlp"))) < SEGMENTS:
                bodies.append(otlp.traces({"trace_id": otlp.new_trace_id()}).SerializeToString())
                assert running.post("/v1/traces", bodies[-1]).status_code == 200
            wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 503)
            before = {*gate.tokens}
            gate.whims += [Whim(), CUT_ANSWER]
            gate.open()
            all_once = [[str(len(bodies))] * 2]
            wait_for(lambda: empty_store.rows(count) == all_once, every=0.005)
            running.kill()
        tokens = {*gate.tokens}
        gate.tokens.clear()

        with collector(data, *flags) as running:
            wait_for(lambda: gate.tokens)
            assert running.post("/v1/traces", bodies[-1]).status_code == 200  # a client that had no answer
            wait_for(lambda: not [*(data / "segments").rglob("*.otlp")])
            assert running.stop() == 0
    assert {*gate.tokens} <= tokens
    assert len(tokens - before) < 4  # the segment that was tried while nobody was there, and all others together
    assert empty_store.rows(count) == all_once


TROUBLE = {flat_spans: [LATE, Whim(), CUT_ANSWER, CUT_UPLOAD], nested_spans: [CUT_ANSWER, CUT_UPLOAD, Whim()]}


def test_a_server_that_is_late_or_cuts_or_goes_away_under_load_gets_everything_once_and_in_order(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    def ask(sql: str) -> str:
        return store._query(sql)

    with serve_gate(store) as gate:
        gate.open()
        flags = ("--clickhouse-url", gate.url, "--database", store.database, "--segment-max-age", "0.05")
        with collector(tmp_path / "data", *flags, prelude=IMPATIENT) as running, Load(2, 0.01) as load:
            load.aim(running)
            for load.make, whims in TROUBLE.items():
                gate.whims += whims
                wait_for(lambda: not gate.whims, 2 * PATIENCE)
                gate.shut()
                wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 503)
                gate.open()
            acknowledged = load.finish()
            wait_for(lambda: spans_of_traces(ask, store.database).keys() >= acknowledged, 2 * PATIENCE)
            assert running.stop() == 0

    assert len(acknowledged) > 100
    assert spans_of_traces(ask, store.database) == dict.fromkeys(acknowledged, SPANS_PER_REQUEST)
    sums = derived_sums(ask, store.database)
    assert sums["runs.Spans"][0] == SPANS_PER_REQUEST * len(acknowledged)
    assert [name for name, (stored, right) in sums.items() if stored != right] == []
    assert gate.tokens == sorted(gate.tokens)


def test_a_full_spool_says_when_to_try_again(tmp_path: Path) -> None:
    flags = ("--clickhouse-url", "http://127.0.0.1:1", "--spool-max-bytes", "2000")
    with collector(tmp_path / "data", *flags, ready=False) as running:
        answers = [running.post("/v1/traces", otlp.traces({}).SerializeToString()) for _ in range(40)]
        with pytest.raises(grpc.RpcError) as caught:
            running.rpc("Trace", otlp.traces({}).SerializeToString())
        assert running.stop() == 0

    assert (answers[0].status_code, answers[-1].status_code) == (200, 503)
    assert answers[-1].headers["retry-after"] == "5"
    refusal: Any = caught.value
    said = Status.FromString(dict(refusal.trailing_metadata())["grpc-status-details-bin"])
    retry = RetryInfo()
    assert refusal.code() is grpc.StatusCode.UNAVAILABLE
    assert refusal.details() == said.message == Status.FromString(answers[-1].content).message
    assert said.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 5
    assert dict(refusal.trailing_metadata())["google.rpc.retryinfo-bin"] == retry.SerializeToString()
    assert "segments stay on disk" in running.log.read_text()


def test_a_busy_port_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, running: CollectorProcess) -> None:
    port = running.otlp.rpartition(":")[2]

    assert main(["--data-dir", str(tmp_path / "data"), "--otlp-http-port", port]) == 2
    assert f"port {port} is in use on 127.0.0.1 or cannot be opened (Address already in use); stop" in caplog.text
    assert "choose another with --otlp-http-port / QUARTERDECK_OTLP_HTTP_PORT" in caplog.text


def test_a_data_directory_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    with collector(tmp_path / "data") as first:
        log = tmp_path / "data2.log"
        second = CollectorProcess(launch(tmp_path / "data", log), "", "", "", log)
        assert second.process.wait(PATIENCE) == 1
        owner = rf"process {first.process.pid}, {first.otlp}, since \d{{4}}-\d\d-\d\dT[\d:]+[+-]\d\d:\d\d"
        assert re.search(rf"in use by {owner}; stop it or choose another", log.read_text())


def test_the_lock_of_the_data_directory_leads_to_a_live_collector_only(tmp_path: Path) -> None:
    lock = tmp_path / "data" / "collector.lock"
    assert owner_of(lock) is None
    with collector(tmp_path / "data") as running:
        found = owner_of(lock)
        assert found
        assert (found.pid, found.url) == (running.process.pid, running.otlp)
        running.kill()
        assert lock.read_text()  # a killed process cannot clean up
        assert owner_of(lock) is None


def test_a_wrong_setting_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--database", "no good"]) == 2
    assert "--database: String should match pattern" in capfd.readouterr().err
