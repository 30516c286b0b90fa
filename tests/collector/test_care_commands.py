"""The commands, on a running collector and on a folder that nobody has open."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck import semconv
from quarterdeck_collector.care.commands import main
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import CollectorProcess, Ingest, collector, wait_for
from support.gate import serve_gate

SECRET = "S3CR3T"


def _command(folder: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "quarterdeck_collector.care", name, "--data-dir", str(folder), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _spans(run: str) -> Any:
    stamp = {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "digest"}
    call = {
        semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
        semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
        semconv.REQUEST_MODEL: "claude-haiku-4-5",
        semconv.USAGE_INPUT_TOKENS: 1_000_000,
        semconv.INPUT_MESSAGES: f"{SECRET} {run}",
    }
    return otlp.traces({"attributes": {**stamp, **call}}, {"attributes": {**stamp, "n": 1}})


def _send(running: CollectorProcess, run: str) -> None:
    logs = otlp.logs({"body": f"{SECRET} {run}", "attributes": {semconv.RUN_ID: run}})
    for path, message in (("/v1/traces", _spans(run)), ("/v1/logs", logs)):
        assert running.post(path, message.SerializeToString()).status_code == 200


def _counts(running: CollectorProcess, run: str) -> str:
    table = "SELECT count() FROM {table} WHERE RunId = {{run:String}}"
    tables = ("otel_traces", "otel_logs", "(SELECT DISTINCT RunId FROM runs)")
    return ",".join(running.sql(table.format(table=name), run=run) for name in tables)


def test_export_purge_import_through_the_collector_that_has_the_data(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "r1.otlp.zst"
    with collector(data) as running:
        _send(running, "r1")
        _send(running, "r2")  # at once: what was acknowledged counts, inserted or not

        exported = _command(data, "export", "--run", "r1", str(file))
        assert exported.stdout == (
            f"{tmp_path}/r1.traces.otlp.zst: 2 spans\n{tmp_path}/r1.logs.otlp.zst: 1 log records\n"
        ), exported.stderr

        asked = _command(data, "purge", "--run", "r1")
        assert (asked.returncode, "say --yes to go on" in asked.stderr) == (1, True)
        assert _counts(running, "r1") == "2,1,1"
        purged = _command(data, "purge", "--run", "r1", "--yes")
        assert "           2  otel_traces\n" in purged.stdout, purged.stderr
        assert _counts(running, "r1") == "0,0,0"
        assert _counts(running, "r2") == "2,1,1"
        left = [path for path in data.rglob("*") if path.is_file() and path.relative_to(data).parts[0] != "store"]
        assert not any(f"{SECRET} r1".encode() in path.read_bytes() for path in left)

        files = [f"{tmp_path}/r1.{signal}.otlp.zst" for signal in ("traces", "logs")]
        imported = _command(data, "import", *files)
        assert imported.stdout == f"{files[0]}: 2 stored\n{files[1]}: 1 stored\n", imported.stderr
        assert _counts(running, "r1") == "2,1,1"
        assert _command(data, "import", files[0]).stdout == f"{files[0]}: 0 stored, 2 were there already\n"


def test_the_same_commands_on_a_folder_that_nobody_has_open(tmp_path: Path) -> None:
    data, prices = tmp_path / "data", tmp_path / "prices.toml"
    with collector(data) as running:
        _send(running, "r1")
        wait_for(lambda: _counts(running, "r1") == "2,1,1")
        assert _command(data, "migrate").stdout.startswith(
            "the collector that runs there did it when it started (process"
        )
        running.stop()
    prices.write_text('[[price]]\nprovider = "anthropic"\nmodel = "claude-haiku-4-5"\ninput = 7\n')

    assert _command(data, "migrate").stdout == "the schema is current\n"
    planned = _command(data, "reprice", "--from", "2020-01-01", "--prices", str(prices), "--dry-run")
    assert [line.split() for line in planned.stdout.splitlines()[:2]] == [
        ["MODEL", "PRICE", "OF", "CALLS", "OLD", "USD", "NEW", "USD", "DIFFERENCE", "UNKNOWN", "BEFORE", "AFTER"],
        ["anthropic/claude-haiku-4-5", "claude-haiku-4-5", "1", "1.000000", "7.000000", "+6.000000", "0", "0"],
    ], planned.stderr
    changed = _command(data, "reprice", "--from", "2020-01-01", "--prices", str(prices))
    assert "were changed" in changed.stdout
    exported = _command(data, "export", "--pipeline", "digest", str(tmp_path / "all.jsonl"))
    assert exported.returncode == 0, exported.stderr
    (line,) = (tmp_path / "all.traces.jsonl").read_text().splitlines()
    assert len(json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 2
    assert "are gone" in _command(data, "purge", "--pipeline", "digest", "--yes").stdout
    assert _command(data, "purge", "--pipeline", "digest", "--dry-run").stdout == "nothing is selected\n"


INTERRUPTED = """
import sys
from pathlib import Path
from quarterdeck_collector.care.derived import mark
from quarterdeck_collector.store import EmbeddedStore

store = EmbeddedStore(Path(sys.argv[1]) / "store", "quarterdeck")
mark(store, [day for day, in store.rows("SELECT DISTINCT toString(toDate(Timestamp)) FROM quarterdeck.otel_traces")])
store.command("ALTER TABLE quarterdeck.otel_traces DELETE WHERE RunId = 'r1' SETTINGS mutations_sync = 1")
store.command("ALTER TABLE quarterdeck.model_calls DELETE WHERE RunId = 'r1' SETTINGS mutations_sync = 1")
store.close()
"""


def test_what_an_interrupted_purge_left_is_finished_at_the_next_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with collector(data) as running:
        for run in ("r1", "r2"):
            _send(running, run)
        wait_for(lambda: running.sql("SELECT uniqExact(RunId) FROM runs") == "2")
        running.stop()
    subprocess.run([sys.executable, "-c", INTERRUPTED, str(data)], check=True)

    with collector(data) as running:
        wait_for(lambda: running.sql("SELECT count() FROM rebuilds FINAL WHERE Pending") == "0")
        assert running.sql("SELECT DISTINCT RunId FROM runs") == "r2"
        assert "were rebuilt: an operation had been interrupted" in running.log.read_text()


def test_the_same_commands_on_a_server(tmp_path: Path, store: EmbeddedStore, ingest: Ingest) -> None:
    with serve_gate(store) as gate:
        gate.open()
        server = ("--clickhouse-url", gate.url, "--database", store.database)
        ingest(message := _spans("r1"))
        (tmp_path / "r1.traces.otlp").write_bytes(frame(message.SerializeToString()))
        purged = _command(tmp_path, "purge", "--run", "r1", "--yes", *server)
        assert "are gone" in purged.stdout, purged.stderr
        assert store.rows("SELECT count() FROM $otel_traces") == store.rows("SELECT count() FROM $runs") == [["0"]]
        imported = _command(tmp_path, "import", f"{tmp_path}/r1.traces.otlp", *server)
        assert imported.stdout == f"{tmp_path}/r1.traces.otlp: 2 stored\n", imported.stderr
        repriced = _command(tmp_path, "reprice", "--run", "r1", *server)
        assert repriced.returncode == 0, repriced.stderr


def test_a_wrong_price_file_stops_the_start_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nprovider = "acme"\n')
    line = [sys.executable, "-m", "quarterdeck_collector", "--data-dir", str(tmp_path / "data"), "--prices", str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == f"--prices: {path}, price 1: model must be a name or a list of names\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["purge", "--run", "r"], "there are no data in {folder}; say where they are with --data-dir"),
        (["purge"], "say what is meant: --run ID, --pipeline NAME, --from and --to"),
        (["export", "--run", "r", "runs.zip"], "there are no data in {folder}"),
        (["reprice", "--from", "soon"], "--from: 'soon' is no date or time"),
        (["import", "runs.otlp"], "there are no data in {folder}"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main([words[0], "--data-dir", str(tmp_path), *words[1:]]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"quarterdeck {words[0]}: {complaint.format(folder=tmp_path)}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "content", "media", "status"),
    [
        ("purge", b"{}", "application/json", 400),
        ("purge", b'{"runs": ["r"]}', "text/plain", 415),
        ("purge", b"no json", "application/json", 400),
        ("purge", b"[]", "application/json", 400),
        ("export", b'{"runs": ["r"], "signal": "metrics"}', "application/json", 400),
        ("import?signal=traces", b"\x0a\x05", "application/x-protobuf", 400),
        ("import?signal=traces", b"", "application/octet-stream", 415),
        ("import?signal=sounds", b"", "application/x-protobuf", 400),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    running: CollectorProcess, path: str, content: bytes, media: str, status: int
) -> None:
    answer = httpx.post(f"{running.otlp}/v1/admin/{path}", content=content, headers={"content-type": media})

    assert answer.status_code == status
    assert answer.json()["error"]
