"""Every ``OTEL_*`` variable that concerns what we do is honoured; what differs is said in the last table."""

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk import environment_variables as sdk_variables

import quarterdeck as qd
from quarterdeck import config, semconv
from quarterdeck.otlp_target import Target, target_of
from quarterdeck.settings import resolve
from support.otlp_receiver import Receiver
from support.servers import serve
from support.waiting import eventually

BASE = "http://collector:4318"
TRACES: dict[str, Any] = {"signal": "traces", "url": f"{BASE}/v1/traces"}
LOGS: dict[str, Any] = {"signal": "logs", "url": f"{BASE}/v1/logs"}


def standard(signal: str) -> Target:
    """Where a signal of a program goes that has said nothing itself."""
    settings = resolve(None, None, None, None, None)
    return target_of(settings.endpoint, signal, standard=settings.standard)  # type: ignore[arg-type]  # a parameter


@pytest.mark.parametrize(
    ("variables", "signal", "expected"),
    [
        ({}, "traces", {"url": "http://127.0.0.1:4318/v1/traces", "compression": "gzip", "timeout_s": 10.0}),
        ({"ENDPOINT": "http://x:1/"}, "logs", {"url": "http://x:1/v1/logs"}),
        ({"ENDPOINT": "http://x:1/base"}, "traces", {"url": "http://x:1/base/v1/traces"}),
        ({"ENDPOINT": ""}, "traces", {"url": "http://127.0.0.1:4318/v1/traces"}),
        ({"TRACES_ENDPOINT": "http://t:1/as/it/is"}, "traces", {"url": "http://t:1/as/it/is"}),
        ({"TRACES_ENDPOINT": "http://t:1/as/it/is"}, "logs", {"url": "http://127.0.0.1:4318/v1/logs"}),
        ({"LOGS_ENDPOINT": "http://l:1/v1/logs"}, "logs", {"url": "http://l:1/v1/logs"}),
        ({"PROTOCOL": "grpc"}, "traces", {"grpc": True, "secure": False, "url": "127.0.0.1:4317"}),
        ({"PROTOCOL": "grpc", "ENDPOINT": "https://x:4317"}, "logs", {"grpc": True, "secure": True, "url": "x:4317"}),
        ({"PROTOCOL": "grpc", "ENDPOINT": "x:4317"}, "traces", {"grpc": True, "secure": True, "url": "x:4317"}),
        ({"PROTOCOL": "grpc", "ENDPOINT": "x:4317", "INSECURE": "true"}, "traces", {"secure": False}),
        ({"PROTOCOL": "grpc", "ENDPOINT": "http://x:4318"}, "traces", {"grpc": False}),
        ({"ENDPOINT": "http://x:4317"}, "traces", {"grpc": True}),
        ({"PROTOCOL": "http/protobuf", "ENDPOINT": "http://x:4317"}, "traces", {"grpc": False}),
        ({"TRACES_PROTOCOL": "http/protobuf", "PROTOCOL": "grpc", "ENDPOINT": "http://x:1"}, "traces", {"grpc": False}),
        ({"TRACES_PROTOCOL": "http/protobuf", "PROTOCOL": "grpc", "ENDPOINT": "http://x:1"}, "logs", {"grpc": True}),
        ({"HEADERS": "a=1,B=two%20words"}, "traces", {"headers": (("a", "1"), ("b", "two words"))}),
        ({"HEADERS": "a=1", "TRACES_HEADERS": "c=3"}, "traces", {"headers": (("c", "3"),)}),
        ({"HEADERS": "a=1", "TRACES_HEADERS": "c=3"}, "logs", {"headers": (("a", "1"),)}),
        ({"COMPRESSION": "none", "LOGS_COMPRESSION": "deflate"}, "traces", {"compression": "none"}),
        ({"COMPRESSION": "none", "LOGS_COMPRESSION": "deflate"}, "logs", {"compression": "deflate"}),
        ({"TIMEOUT": "3"}, "traces", {"timeout_s": 3.0}),
        ({"TIMEOUT": "3", "TRACES_TIMEOUT": "5000"}, "traces", {"timeout_s": 5.0}),
        ({"CERTIFICATE": "/ca.pem", "LOGS_CERTIFICATE": "/l.pem"}, "logs", {"certificate": "/l.pem"}),
        ({"CLIENT_CERTIFICATE": "/c.pem", "CLIENT_KEY": "/k.pem"}, "traces", {"client_key": "/k.pem"}),
        ({"CLIENT_CERTIFICATE": "/c.pem", "CLIENT_KEY": "/k.pem"}, "logs", {"client_certificate": "/c.pem"}),
    ],
)
def test_exporter_variables(
    variables: dict[str, str], signal: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    found = standard(signal)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "gzip is used"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "10 is used"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf is used"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "16384 is used"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "-1", "1000 is used"),
    ],
)
def test_nonsense_in_a_variable_is_told_and_survived(
    name: str, value: str, used: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, value)
    receiver = Receiver()
    with serve(receiver.app()) as url:
        qd.init(url)
        with qd.pipeline("p"):
            pass
        assert qd.flush()
    assert len(receiver.spans()) == 1
    assert any(used in record.getMessage() and repr(value) in record.getMessage() for record in caplog.records)


def test_headers_and_the_token_go_to_the_endpoint_only_and_a_guest_has_its_own(
    receiver: Receiver, collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-account=secret")
    assert dict(target_of(BASE, "traces", token="t").headers) == {"x-account": "secret", "authorization": "Bearer t"}
    qd.init("", exporters=[f"{collector}?header.X-Scope-OrgID=me"])
    with qd.pipeline("p"):
        pass
    assert qd.flush()
    assert receiver.headers["x-scope-orgid"] == "me"
    assert "x-account" not in receiver.headers


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_every_compression_arrives(
    compression: str, receiver: Receiver, collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    qd.init(collector)
    with qd.pipeline("p"):
        pass
    assert qd.flush()
    assert receiver.headers.get("content-encoding", "none") == compression
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow p"]


def test_grpc_carries_spans_logs_and_live_events(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-account=one")
    with receiver.serve_grpc() as port:
        qd.init(f"grpc://127.0.0.1:{port}")
        with qd.pipeline("p"):
            logging.getLogger("app").warning("hello")
            eventually(lambda: receiver.records(semconv.LIVE_SCOPE))
        assert qd.flush()
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow p"]
    assert [record["body"] for record in receiver.records(semconv.LOG_SCOPE)] == ["hello"]
    assert receiver.headers["x-account"] == "one"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_over_grpc_an_outage_is_waited_for_on_disk(code: grpc.StatusCode, receiver: Receiver, tmp_path: Path) -> None:
    receiver.code = code
    with receiver.serve_grpc() as port:
        qd.init("", exporters=[f"grpc://127.0.0.1:{port}"])
        with qd.pipeline("p"):
            pass
        assert not qd.flush()
        assert len(list((tmp_path / "buffer").rglob("*.otlp"))) == 1
        receiver.code = grpc.StatusCode.OK
        assert eventually(qd.flush)
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow p"]
    assert receiver.logs == []


def test_without_grpc_a_clear_message_says_what_to_install() -> None:
    code = """
    import sys
    sys.modules["grpc"] = None
    import quarterdeck as qd
    for arguments in ({"endpoint": "grpc://x:4317"}, {"endpoint": "", "exporters": ["grpc://x:4317"]}):
        try:
            qd.init(**arguments)
        except ValueError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout == "grpc://x:4317: OTLP over gRPC needs grpcio: pip install 'quarterdeck[grpc]'\n" * 2


PROBE = """
    import json, sys
    from opentelemetry import trace
    import quarterdeck as qd
    from quarterdeck.testing import MemorySpans
    memory = MemorySpans()
    qd.init("", exporters=[memory])
    provider = trace.get_tracer_provider()
    with qd.pipeline("p") as run:
        run.set(**{f"k{n:04}": "v" * 50 for n in range(int(sys.argv[1]))})
        for n in range(4):
            run.span.add_event("e", {"a": "1", "b": "2", "c": "3"})
    qd.flush()
    spans = memory.kept()
    print(json.dumps({
        "spans": len(spans),
        "service": spans[0].resource.attributes["service.name"] if spans else None,
        "resource": spans[0].resource.attributes.get("team") if spans else None,
        "attributes": len(spans[0].attributes) if spans else None,
        "length": max(len(v) for k, v in spans[0].attributes.items() if k.startswith("k0")) if spans else None,
        "events": len(spans[0].events) if spans else None,
        "event attributes": len(spans[0].events[-1].attributes) if spans else None,
        "propagators": sorted(__import__("opentelemetry.propagate").propagate.get_global_textmap().fields),
    }))
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"spans": 1, "length": 50, "events": 4, "event attributes": 3}),
        ({"OTEL_SERVICE_NAME": "shop"}, {"service": "shop"}),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=blue,service.name=desk"}, {"resource": "blue", "service": "desk"}),
        ({"OTEL_SDK_DISABLED": "true"}, {"spans": 0}),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, {"spans": 0}),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, {"spans": 0}),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "7"}, {"attributes": 7}),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "9"}, {"attributes": 9}),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, {"length": 5}),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6"}, {"length": 6}),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "2"}, {"events": 2}),
        ({"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1"}, {"event attributes": 1}),
        ({"OTEL_PROPAGATORS": "baggage"}, {"propagators": ["baggage"]}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_variables_of_the_sdk(variables: dict[str, str], expected: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE), "20"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {key: found[key] for key in expected} == expected


def test_batch_variables(receiver: Receiver, collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OTEL_BSP_MAX_QUEUE_SIZE": "10",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "6",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "2",
        "OTEL_BLRP_SCHEDULE_DELAY": "3600000",
    }.items():
        monkeypatch.setenv(name, value)
    qd.init(collector)
    for number in range(3):
        with qd.pipeline(f"run {number}"):
            pass
    for number in range(9):
        logging.getLogger("app").warning("record %d", number)
    assert qd.flush()
    with qd.pipeline("later"):
        pass
    assert [record["body"] for record in receiver.records(semconv.LOG_SCOPE)] == [f"record {n}" for n in range(3, 9)]
    assert len(receiver.logs) == 3
    (batch,) = config._state.batches  # type: ignore[union-attr]  # init has just started it
    assert batch._most_spans == 10
    assert batch._batch_processor._max_export_batch_size == 4
    assert batch._batch_processor._schedule_delay == 3600


def test_limits_of_log_records(receiver: Receiver, collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "2")
    qd.init(collector)
    logging.getLogger("application").warning("hello")
    assert qd.flush()
    (record,) = receiver.records(semconv.LOG_SCOPE)
    assert len(record["attributes"]) == 2
    assert all(len(value) <= 3 for value in record["attributes"].values() if isinstance(value, str))


DIFFERENT = {
    "OTEL_CONFIG_FILE": "files configure OpenTelemetry's own auto-instrumentation, before init",
    "OTEL_LOG_LEVEL": "the level of the Python logger `quarterdeck` is the program's",
    "OTEL_BSP_EXPORT_TIMEOUT": "OTEL_EXPORTER_OTLP_TIMEOUT bounds each request, as in OpenTelemetry's Python SDK",
    "OTEL_BLRP_EXPORT_TIMEOUT": "as above",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "OpenTelemetry's Resource.create reads it",
    "OTEL_PYTHON_TRACER_CONFIGURATOR": "OpenTelemetry's auto-instrumentation reads it",
    "OTEL_PYTHON_METER_CONFIGURATOR": "as above",
    "OTEL_PYTHON_LOGGER_CONFIGURATOR": "as above",
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "OpenTelemetry's processors read it",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "OpenTelemetry's SpanLimits reads it; we make no links",
    "OTEL_SPAN_LINK_COUNT_LIMIT": "as above",
}
"""Variables that this page does not test, and why."""
OTHERS = ("ZIPKIN", "PROMETHEUS", "METRIC")
"""We send no metrics."""


def test_no_variable_of_the_sdk_is_forgotten() -> None:
    text = Path(__file__).read_text()
    names = [name for name in vars(sdk_variables) if name.startswith("OTEL_") and not any(w in name for w in OTHERS)]
    tested = [name for name in names if f'"{name}"' in text.partition("DIFFERENT =")[0]]
    families = [
        name
        for name in names
        if name.startswith("OTEL_EXPORTER_OTLP_")
        and f'"{name.removeprefix("OTEL_EXPORTER_OTLP_").removeprefix("TRACES_").removeprefix("LOGS_")}"' in text
    ]
    assert sorted({*names} - {*tested, *families, *DIFFERENT}) == []
