"""The collector as a process: start, stop, crash, and a ClickHouse that is away."""

import contextlib
import random
import re
import threading
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
from support.collectors import PATIENCE, CollectorProcess, collector, launch, wait_for
from support.gate import serve_gate

SPANS_PER_REQUEST = 3


class Load:
    """Clients that post until told to stop, and remember what was acknowledged."""

    def __init__(self, running: CollectorProcess, clients: int = 4, *, over_grpc: bool = False) -> None:
        self.acknowledged: list[bytes] = []
        self._running = running
        self._over_grpc = over_grpc
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _post(self) -> None:
        with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=PATIENCE) as client:
            while not self._stop.is_set():
                trace_id = otlp.new_trace_id()
                spans = [{"trace_id": trace_id, "attributes": {"text": "x" * 500}}] * SPANS_PER_REQUEST
                with contextlib.suppress(httpx.HTTPError, grpc.RpcError):
                    self._send(client, otlp.traces(*spans).SerializeToString())
                    self.acknowledged.append(trace_id)
                    continue
                time.sleep(0.01)

    def _send(self, client: httpx.Client, body: bytes) -> None:
        if self._over_grpc:
            self._running.rpc("Trace", body)
        else:
            client.post(f"{self._running.otlp}/v1/traces", content=body).raise_for_status()

    def stop(self) -> list[bytes]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.acknowledged


def _counts(running: CollectorProcess) -> dict[str, int]:
    text = running.sql("SELECT TraceId, count() FROM otel_traces GROUP BY TraceId")
    return {trace: int(count) for trace, count in (line.split("\t") for line in text.splitlines())}


def test_no_acknowledged_span_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    data, chance, acknowledged = tmp_path / "data", random.Random(7), []  # noqa: S311 - where to kill, no secret
    for _ in range(4):
        with collector(data, ready=False) as running:
            load = Load(running)
            time.sleep(chance.uniform(0.3, 1.6))
            running.kill()
            acknowledged += load.stop()
    with collector(data) as running:
        expected = {trace.hex() for trace in acknowledged}
        wait_for(lambda: expected <= _counts(running).keys())
        counts = _counts(running)
        runs = int(running.sql("SELECT sum(Spans) FROM runs"))
        assert running.stop() == 0

    assert len(expected) > 100
    assert {counts[trace] for trace in expected} == {SPANS_PER_REQUEST}
    assert set(counts.values()) == {SPANS_PER_REQUEST}  # nor what was written and not acknowledged any more
    assert runs == sum(counts.values())
    assert not list((data / "segments").rglob("*.otlp"))


@pytest.mark.parametrize("over_grpc", [False, True])
def test_a_stop_under_load_exits_cleanly_and_keeps_everything(tmp_path: Path, over_grpc: bool) -> None:
    data = tmp_path / "data"
    with collector(data) as running:
        load = Load(running, over_grpc=over_grpc)
        time.sleep(0.7)
        with httpx.stream("GET", f"{running.otlp}/v1/live", timeout=PATIENCE):  # an open listener does not hold it up
            assert running.stop() == 0
        acknowledged = load.stop()
    assert len(acknowledged) > 10
    with collector(data) as running:
        expected = {trace.hex() for trace in acknowledged}
        wait_for(lambda: expected <= _counts(running).keys())
        assert set(_counts(running).values()) == {SPANS_PER_REQUEST}
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
        wait_for(lambda: _counts(running) == {trace_id.hex(): 1})
        metrics = httpx.get(f"{running.otlp}/metrics").text
        assert 'replayed_items_total{signal="traces"} 1\n' in metrics
        assert 'duplicate_items_total{signal="traces"} 1\n' in metrics


def test_a_poisoned_request_is_set_aside_and_its_neighbours_are_stored(tmp_path: Path) -> None:
    good = [otlp.new_trace_id() for _ in range(2)]
    bodies = [otlp.traces({"trace_id": trace_id}).SerializeToString() for trace_id in good]
    folder = tmp_path / "data" / "segments" / "traces"
    folder.mkdir(parents=True)
    poison = b"\x0a\x05\x12\x03\x12\x01\x4a"  # whole to OTLP's counting, broken inside the span
    with collector(tmp_path / "data") as running:
        running.stop()
    path = folder / "00000000000000000001-1-0.otlp"
    path.write_bytes(frame(bodies[0]) + frame(poison) + frame(bodies[1]))

    with collector(tmp_path / "data") as running:
        wait_for(lambda: _counts(running) == {trace.hex(): 1 for trace in good})
        wait_for((folder / "rejected" / "00000000000000000001-1-0-1.otlp").exists)
        wait_for(lambda: path not in folder.iterdir())
        assert running.log.read_text().count("can never take this request") == 1


def test_acknowledged_while_clickhouse_is_away_stored_when_it_comes(tmp_path: Path, empty_store: EmbeddedStore) -> None:
    trace_id = otlp.new_trace_id()
    with serve_gate(empty_store) as gate:
        flags = ("--clickhouse-url", gate.url, "--database", empty_store.database)
        with collector(tmp_path / "data", *flags, ready=False) as running:
            body = otlp.traces({"trace_id": trace_id, "attributes": {"deep": {"a": [1]}}}).SerializeToString()
            assert running.post("/v1/traces", body).status_code == 200
            ready = httpx.get(f"{running.otlp}/readyz")
            assert (ready.status_code, ready.json()["checks"]["clickhouse"]["ok"]) == (503, False)
            assert wait_for(lambda: running.log.read_text().count("ClickHouse cannot be reached, will try again")) == 1

            gate.open()
            wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 200)
            count = "SELECT count() FROM $otel_traces"
            wait_for(lambda: empty_store.rows(count) == [["1"]])

            gate.shut()
            assert running.post("/v1/traces", otlp.traces({}).SerializeToString()).status_code == 200
            wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 503)
            gate.open()
            wait_for(lambda: empty_store.rows(count) == [["2"]])
            assert running.stop() == 0


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
