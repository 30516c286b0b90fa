"""Requests like the examples of OTLP come in over every protocol, are stored whole and go on as they came."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_collector.care.commands import export
from quarterdeck_collector.care.otlp_file import read
from quarterdeck_collector.receive.otlp import JSON, LOGS, METRICS, TRACES, Kind, parse
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for
from support.otlp_receiver import Receiver
from support.servers import serve
from support.snapshots import compare

FOLDER = Path(__file__).parent / "otlp_json"
EXAMPLES = {"trace": TRACES, "logs": LOGS, "events": LOGS, "metrics": METRICS}
TABLES = ("otel_traces", "otel_logs", "otel_metrics_sum", "otel_metrics_gauge", "otel_metrics_histogram")
SERVICE = "harbour.desk"
"""Of the examples; over other protocols they come from another, or they would be taken for what has come already."""


@dataclass
class Home:
    """A collector, where it sends what it gets, and what that is."""

    process: CollectorProcess
    data: Path
    targets: dict[str, Receiver]
    requests: list[tuple[Kind, Any]]

    def sent(self, kind: Kind) -> list[Any]:
        """Give the requests of a signal."""
        return [message for each, message in self.requests if each is kind]

    def rows(self, service: str) -> str:
        """Give every column of every row of a service."""
        found = []
        for table in TABLES:
            sql = f"SELECT * FROM {table} WHERE ServiceName = {{service:String}} ORDER BY ALL FORMAT Vertical"  # noqa: S608 - ours
            found.append(f"{table}\n{self.process.sql(sql, service=service)}\n")
        return "\n".join(found)


def _json(process: CollectorProcess, kind: Kind, body: bytes, _: Any) -> None:
    answer = process.post(f"/v1/{kind.name}", body, content_type=JSON)
    assert (answer.status_code, answer.content) == (200, b"{}")


def _protobuf(process: CollectorProcess, kind: Kind, _: bytes, message: Any) -> None:
    answer = process.post(f"/v1/{kind.name}", message.SerializeToString())
    assert (answer.status_code, answer.content) == (200, b"")


def _grpc(process: CollectorProcess, kind: Kind, _: bytes, message: Any) -> None:
    signal = {"traces": "Trace"}.get(kind.name, kind.name.title())
    assert process.rpc(signal, message.SerializeToString()) == b""


SENDERS: dict[str, Callable[[CollectorProcess, Kind, bytes, Any], None]] = {
    SERVICE: _json,
    f"{SERVICE} in protobuf": _protobuf,
    f"{SERVICE} over gRPC": _grpc,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    data, targets = tmp_path_factory.mktemp("examples") / "data", {"http": Receiver(), "grpc": Receiver()}
    with ExitStack() as stack:
        url = stack.enter_context(serve(targets["http"].app()))
        port = stack.enter_context(targets["grpc"].serve_grpc())
        flags = ("--max-age-days", "36500", "--segment-max-age", "0.1", "--forward", f"{url} grpc://127.0.0.1:{port}")
        process = stack.enter_context(collector(data, *flags))
        requests: list[tuple[Kind, Any]] = []
        for service, send in SENDERS.items():
            for name, kind in EXAMPLES.items():
                body = (FOLDER / f"{name}.json").read_bytes().replace(SERVICE.encode(), service.encode())
                message, _ = parse(kind, body, JSON)
                send(process, kind, body, message)
                requests.append((kind, message))
        rows = len(SENDERS) * (len(EXAMPLES) + 2)  # the metrics are three
        counts = " + ".join(f"(SELECT count() FROM {table})" for table in TABLES)  # noqa: S608 - ours
        wait_for(lambda: process.sql(f"SELECT {counts}") == str(rows))
        yield Home(process, data, targets, requests)


def test_every_value_of_the_examples_is_stored(home: Home, request: pytest.FixtureRequest) -> None:
    compare(FOLDER / "stored.txt", home.rows(SERVICE), update=request.config.getoption("--update-snapshots"))


@pytest.mark.parametrize("service", [service for service in SENDERS if service != SERVICE])
def test_protobuf_and_grpc_store_what_json_stores(home: Home, service: str) -> None:
    assert home.rows(service).replace(service, SERVICE) == home.rows(SERVICE)


@pytest.mark.parametrize("target", ["http", "grpc"])
def test_another_otlp_receiver_gets_the_examples_as_they_came(home: Home, target: str) -> None:
    receiver = home.targets[target]
    arrived: dict[Kind, list[Any]] = {TRACES: receiver.traces, LOGS: receiver.logs, METRICS: receiver.metrics}

    for kind, messages in arrived.items():  # small requests may come as one
        wait_for(lambda: sum(map(kind.count, list(messages))) == sum(map(kind.count, home.sent(kind))))  # noqa: B023
        assert otlp.known(kind, messages) == otlp.known(kind, home.sent(kind))


def test_exported_files_hold_the_examples_as_they_came(home: Home, tmp_path: Path) -> None:
    flags = ["--data-dir", str(home.data), "--from", "2021-01-01", "--to", "2021-01-01"]
    assert export([*flags, str(tmp_path / "all.jsonl")]) == 0

    for kind in (TRACES, LOGS):
        found = list(read(tmp_path / f"all.{kind.name}.jsonl"))
        assert otlp.known(kind, [message for _, message in found]) == otlp.known(kind, home.sent(kind))
