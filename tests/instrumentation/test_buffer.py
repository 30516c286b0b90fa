"""What an endpoint does not take waits on disk, outlives the process, and arrives once."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import quarterdeck as qd
from quarterdeck import config, semconv
from support.collectors import collector as collector_process
from support.deck import free_ports
from support.otlp_receiver import Receiver
from support.servers import serve
from support.waiting import eventually

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def nowhere() -> str:
    """An address where nobody listens yet."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "buffer"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts programs that have called ``qd.init()``; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(endpoint: str, code: str, **environment: str) -> "subprocess.Popen[str]":
        own = {"QUARTERDECK_ENDPOINT": endpoint, "QUARTERDECK_BUFFER_DIR": str(folder)} | environment
        program = f"import quarterdeck as qd, os, sys, time, logging\nqd.init()\n{textwrap.dedent(code)}"
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-c", program], env={**os.environ, **own}, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def waiting(folder: Path, what: str = "traces") -> list[Path]:
    """Requests on disk, the oldest first."""
    return sorted(folder.glob(f"*-{what}-*/*/*.otlp"), key=lambda path: path.name)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def names(receiver: Receiver) -> list[str]:
    return [span["name"] for span in receiver.spans()]


def ended(process: "subprocess.Popen[str]") -> str:
    """What a program that ends by itself has complained of."""
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


ONE_RUN = """
    with qd.pipeline(sys.stdin.readline().strip() or "only"):
        logging.getLogger("app").warning("kept with the logs")
"""


def test_a_program_that_ends_without_a_collector_leaves_everything_for_the_next_one(
    start: Start, nowhere: str, folder: Path
) -> None:
    said = ended(start(nowhere, ONE_RUN))
    told = f"cannot deliver telemetry to {nowhere}; it is kept in {folder} and sent when the collector answers "
    told += "(start one with `quarterdeck up`); your program is not affected"
    assert [line for line in said.splitlines() if "telemetry" in line] == [told]
    assert (len(waiting(folder)), len(waiting(folder, "logs"))) == (1, 1)

    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        assert ended(start(nowhere, "assert qd.flush(20)")) == ""
    assert names(receiver) == ["invoke_workflow only"]
    assert [record["body"] for record in receiver.records(semconv.LOG_SCOPE)] == ["kept with the logs"]
    assert waiting(folder) == waiting(folder, "logs") == []


def test_a_killed_program_has_lost_nothing_that_it_could_not_deliver(start: Start, nowhere: str, folder: Path) -> None:
    killed = start(
        nowhere,
        """
        for number in range(20):
            with qd.pipeline(f"run {number}"):
                pass
        print(qd.flush(5), flush=True)
        time.sleep(60)
        """,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == "False\n"
    killed.kill()
    killed.wait()
    first = [path.read_bytes() for path in waiting(folder)]
    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        ended(start(nowhere, "assert qd.flush(20)"))
    assert names(receiver) == [f"invoke_workflow run {number}" for number in range(20)]
    assert [request.SerializeToString() for request in receiver.traces] == first


def test_what_a_living_process_keeps_is_its_own(start: Start, nowhere: str, folder: Path) -> None:
    living = start(nowhere, "with qd.pipeline('first'): pass\nprint(qd.flush(5), flush=True)\nsys.stdin.readline()")
    assert living.stdout is not None
    assert living.stdout.readline() == "False\n"
    (kept,) = waiting(folder)
    ended(start(nowhere, "with qd.pipeline('second'): pass"))
    assert waiting(folder)[0] == kept

    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        assert sorted(eventually(lambda: names(receiver))) == ["invoke_workflow first"]
        living.communicate("\n", timeout=30)
        ended(start(nowhere, "assert qd.flush(20)"))
    assert sorted(names(receiver)) == ["invoke_workflow first", "invoke_workflow second"]
    assert waiting(folder) == []


def test_the_oldest_goes_first_and_another_target_is_not_held_up(
    receiver: Receiver, collector: str, nowhere: str, folder: Path
) -> None:
    qd.init(nowhere, exporters=[collector])
    for number in range(3):
        with qd.pipeline(f"run {number}"):
            pass
        assert not qd.flush()
    expected = [f"invoke_workflow run {number}" for number in range(3)]
    assert (names(receiver), len(waiting(folder))) == (expected, 3)
    late = Receiver()
    with serve(late.app(), port_of(nowhere)):
        assert eventually(qd.flush)
    assert names(late) == expected
    assert (receiver.logs, waiting(folder)) == ([], [])


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_any_answer_but_a_refusal_for_good_is_an_outage(
    status: int, receiver: Receiver, collector: str, folder: Path
) -> None:
    receiver.status = status
    qd.init(collector)
    with qd.pipeline("p"):
        pass
    assert not qd.flush()
    assert len(waiting(folder)) == 1
    receiver.status = 200
    assert eventually(qd.flush)
    assert (names(receiver), waiting(folder)) == (["invoke_workflow p"], [])


def test_while_a_collector_hangs_nothing_is_waited_for_and_nothing_lost(
    start: Start, receiver: Receiver, collector: str, folder: Path
) -> None:
    receiver.hangs = True
    hung = start(collector, "with qd.pipeline('p'): pass\nqd.shutdown(0.5)\nprint('down', flush=True); os._exit(0)")
    assert hung.stdout is not None
    assert hung.stdout.readline() == "down\n"
    assert len(waiting(folder)) == 1
    receiver.hangs = False
    ended(start(collector, "assert qd.flush(20)"))
    assert set(names(receiver)) == {"invoke_workflow p"}
    # Sent twice, as nobody can know of the first: the same bytes, which the collector stores once.
    assert len({request.SerializeToString() for request in receiver.traces}) == 1


def test_terminated_without_a_collector_an_open_run_waits_on_disk(start: Start, nowhere: str) -> None:
    process = start(nowhere, "with qd.pipeline('p'):\n    print('open', flush=True); time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        ended(start(nowhere, "assert qd.flush(20)"))
    assert [span["attributes"][semconv.RUN_STATUS] for span in receiver.spans()] == ["cancelled"]


def test_a_full_buffer_forgets_the_oldest_and_says_so_once(
    nowhere: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUARTERDECK_BUFFER_MAX_BYTES", "30000")
    qd.init(nowhere)
    for number in range(8):
        with qd.pipeline(f"run {number}", input="x" * 9_000):
            pass
        qd.flush()
    assert sum(path.stat().st_size for path in waiting(folder)) <= 30_000
    full = [record.getMessage() for record in caplog.records if "is full" in record.getMessage()]
    assert len(full) == 1
    assert "QUARTERDECK_BUFFER_MAX_BYTES" in full[0]
    assert config._state is not None
    assert config._state.health.dropped == 5
    late = Receiver()
    with serve(late.app(), port_of(nowhere)):
        assert eventually(qd.flush)
    assert names(late) == [f"invoke_workflow run {number}" for number in (5, 6, 7)]


def test_without_a_place_on_disk_telemetry_waits_in_memory_and_the_program_goes_on(
    nowhere: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    qd.init(nowhere, buffer=tmp_path / "file" / "buffer")
    for number in range(3):
        with qd.pipeline(f"run {number}"):
            pass
        qd.flush()
    said = [record.getMessage() for record in caplog.records if "cannot be kept" in record.getMessage()]
    assert [text.rpartition(": ")[2] for text in said] == ["it is kept in memory"]
    late = Receiver()
    with serve(late.app(), port_of(nowhere)):
        assert eventually(qd.flush)
    assert names(late) == [f"invoke_workflow run {number}" for number in range(3)]


@pytest.mark.parametrize(
    "environment", [{"QUARTERDECK_BUFFER_DIR": "off"}, {"QUARTERDECK_BUFFER_MAX_BYTES": "0"}], ids=["folder", "size"]
)
def test_switched_off_it_writes_nothing_and_says_what_is_lost(
    environment: dict[str, str], start: Start, nowhere: str, tmp_path: Path
) -> None:
    said = ended(start(nowhere, "with qd.pipeline('p'): pass", HOME=str(tmp_path), **environment))
    assert f"1 spans or log records could not be delivered to {nowhere} and are lost" in said
    assert list(tmp_path.rglob("*.otlp")) == []


def test_what_is_kept_is_redacted_and_for_its_owner_only(nowhere: str, folder: Path) -> None:
    qd.init(nowhere)
    with qd.pipeline("p", input="sk-ant-abcdefghijklmnop"):
        pass
    qd.flush()
    (path,) = waiting(folder)
    assert b"sk-ant-" not in path.read_bytes()
    assert [oct(found.stat().st_mode & 0o777) for found in (path, path.parent)] == ["0o600", "0o700"]


def test_another_account_at_the_same_endpoint_never_gets_it(start: Start, nowhere: str, folder: Path) -> None:
    ended(start(nowhere, ONE_RUN, OTEL_EXPORTER_OTLP_HEADERS="x-account=one"))
    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        ended(start(nowhere, "assert qd.flush(20)", OTEL_EXPORTER_OTLP_HEADERS="x-account=two"))
        assert (names(receiver), len(waiting(folder))) == ([], 1)
        ended(start(nowhere, "assert qd.flush(20)", OTEL_EXPORTER_OTLP_HEADERS="x-account=one"))
    assert (names(receiver), receiver.headers["x-account"]) == (["invoke_workflow only"], "one")


def test_a_write_that_was_cut_short_is_no_request(start: Start, nowhere: str, folder: Path) -> None:
    ended(start(nowhere, ONE_RUN))
    (path,) = waiting(folder)
    path.with_name("half.part").write_bytes(b"half")
    receiver = Receiver()
    with serve(receiver.app(), port_of(nowhere)):
        ended(start(nowhere, "assert qd.flush(20)"))
    assert names(receiver) == ["invoke_workflow only"]
    assert list(folder.rglob("*.part")) == []


def test_a_request_that_is_too_large_for_the_collector_is_divided(receiver: Receiver, collector: str) -> None:
    receiver.refuses = lambda body: 413 if len(body) > 3_000 else 0
    qd.init(collector)
    for number in range(20):
        with qd.pipeline(f"run {number}"):
            pass
    assert qd.flush(20)
    assert sorted(names(receiver)) == sorted(f"invoke_workflow run {number}" for number in range(20))
    assert len(receiver.traces) >= 4


def test_memory_is_bounded_while_a_collector_is_away(nowhere: str) -> None:
    qd.init(nowhere, buffer="")
    (batch,) = config._state.batches  # type: ignore[union-attr]  # init has just started it
    delivery = batch._clean._delivery  # type: ignore[union-attr]  # its target is an address
    for _ in range(400):
        with qd.pipeline("big", input="x" * 250_000):
            pass
    qd.flush(20)
    health = config._state.health  # type: ignore[union-attr]  # as above
    eventually(lambda: delivery.waiting_bytes > 60_000_000 and health.dropped > 100)
    assert delivery.waiting_bytes <= 64_000_000


def test_what_nobody_came_for_in_a_month_is_dropped_and_told(
    nowhere: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    owner = folder / "gone-traces-0" / "dead"
    owner.mkdir(parents=True)
    old, new = (owner / f"{time.time_ns() - days * 86_400 * 10**9:020d}-1-0-5.otlp" for days in (31, 29))
    for path in (old, new):
        path.write_bytes(b"")
    qd.init(nowhere)
    eventually(lambda: "are dropped" in caplog.text)
    assert (waiting(folder), "1 requests have waited" in caplog.text) == ([new], True)


def test_an_endpoint_that_takes_traces_alone_gets_nothing_else(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, folder: Path
) -> None:
    app = receiver.app()
    app.routes[:] = [route for route in app.routes if getattr(route, "path", "") == "/v1/traces"]
    with serve(app) as backend:
        qd.init(backend)
        with qd.pipeline("p"):
            logging.getLogger("app").warning("for nobody here")
            assert config._state is not None
            assert config._state.live is not None
            eventually(lambda: config._state.live._events._deaf_until)  # type: ignore[union-attr]  # as above
        eventually(qd.flush)
    assert names(receiver) == ["invoke_workflow p"]
    assert waiting(folder, "logs") == []
    assert [record.levelname for record in caplog.records if record.name == "quarterdeck"] == ["WARNING"]
    assert "refuses telemetry for good (HTTP 404 Not Found)" in caplog.text


LOAD = """
    import threading
    made = 0
    while not done.is_set():
        with qd.pipeline(f"run {made}"), qd.step("one"):
            made += 1
        time.sleep(0.01)
    print(made, flush=True)
"""


@pytest.mark.timeout(240)
def test_a_collector_killed_again_and_again_under_load_stores_every_span_once(
    start: Start, tmp_path: Path, folder: Path
) -> None:
    port, data = free_ports(1)[0], tmp_path / "data"
    listening = "import threading\ndone = threading.Event()\n"
    listening += "threading.Thread(target=lambda: (sys.stdin.readline(), done.set()), daemon=True).start()\n"
    busy = start(f"http://127.0.0.1:{port}", listening + textwrap.dedent(LOAD))
    for _ in range(2):
        with collector_process(data, "--otlp-http-port", str(port)) as running:
            before = running.sql("SELECT count() FROM quarterdeck.otel_traces")
            eventually(lambda: running.sql("SELECT count() FROM quarterdeck.otel_traces") != before)  # noqa: B023
            running.kill()
        eventually(lambda: waiting(folder))
    made, said = busy.communicate("\n", timeout=200)
    assert busy.returncode == 0, said
    runs = int(made)
    with collector_process(data, "--otlp-http-port", str(port)) as running:
        ended(start(f"http://127.0.0.1:{port}", "assert qd.flush(60)"))
        eventually(lambda: int(running.sql("SELECT count() FROM quarterdeck.otel_traces")) >= 2 * runs)
        rows = running.sql(
            "SELECT SpanName, count() AS n, uniqExact(TraceId, SpanId) AS once FROM quarterdeck.otel_traces "
            "GROUP BY SpanName HAVING SpanName = 'step one' OR n != 1 FORMAT JSONEachRow"
        )
    assert [json.loads(line) for line in rows.splitlines()] == [{"SpanName": "step one", "n": runs, "once": runs}]
    assert waiting(folder) == []
