"""What is replaced at intake: no planted secret gets past it, and a clean request costs one look and stays as it is."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]  # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from quarterdeck import semconv
from quarterdeck.redaction import SECRETS, scrub
from quarterdeck_collector import redaction, redaction_rules
from quarterdeck_collector.__main__ import main
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind
from quarterdeck_collector.redaction import MASK, Redaction, from_settings
from quarterdeck_collector.redaction_rules import Findings, load
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for

DEFAULT = from_settings(("secrets",), None)
EXAMPLES = {
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "anthropic_key": "sk-ant-api03-abcdefghijklmnop",
    "google_key": "AIza" + "x" * 35,
    "google_token": "ya29." + "a0Z-" * 6,
    "bearer": "Bearer abcdefghijklmnop1234",
    "api_key": "sk-proj-" + "a1" * 12,
    "aws_key": "AKIAIOSFODNN7EXAMPLE",
    "github_token": "ghp_" + "a" * 36,
    "slack_token": "xoxb-1234567890-abcdefghij",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
    "quarterdeck_token": "qdt_" + "Ab3-" * 8,
}
ATTRIBUTES: dict[str, Any] = {"text": "a", "list": ["b", {"in": "c"}], "map": {"deep": ["d"]}, "raw": b"e", "n": 7}


def _traces() -> Any:
    span = {
        "name": "n",
        "trace_state": "s",
        "attributes": ATTRIBUTES,
        "events": [{"name": "e", "attributes": ATTRIBUTES}],
        "links": [{"trace_state": "t", "attributes": ATTRIBUTES}],
        "status": {"message": "m"},
    }
    request = otlp.traces(span, resource=ATTRIBUTES)
    request.resource_spans[0].schema_url = "u"
    otlp.set_attributes(request.resource_spans[0].scope_spans[0].scope.attributes, ATTRIBUTES)
    return request


def _logs() -> Any:
    record = {"body": {"a": ["b"]}, "severity_text": "INFO", "event_name": "e", "attributes": ATTRIBUTES}
    return otlp.logs(record, {"body": "text"}, resource=ATTRIBUTES)


def _metrics() -> Any:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="n", description="d", unit="u")
    point = metric.gauge.data_points.add(as_int=1)
    otlp.set_attributes(point.attributes, ATTRIBUTES)
    otlp.set_attributes(point.exemplars.add().filtered_attributes, ATTRIBUTES)
    return request


REQUESTS: dict[str, tuple[Kind, Callable[[], Any]]] = {
    "traces": (TRACES, _traces),
    "logs": (LOGS, _logs),
    "metrics": (METRICS, _metrics),
}


def places(message: Any) -> Iterator[Callable[[str], None]]:
    """Give a function that writes a text for every place in a message that holds one."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                yield from places(part)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield partial(setattr, message, field.name)
        elif field.name == "bytes_value":
            yield lambda text: setattr(message, "bytes_value", b"\xff" + text.encode())


def clean(rules: Redaction, kind: Kind, message: Any) -> tuple[Any, Findings]:
    findings = Findings()
    return kind.request.FromString(rules.clean(kind, message.SerializeToString(), findings)), findings


@pytest.mark.parametrize("signal", REQUESTS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_secret_planted_in_any_place_is_replaced_and_nothing_else_changes(signal: str, data: st.DataObject) -> None:
    kind, make = REQUESTS[signal]
    message, expected = make(), make()
    index = data.draw(st.integers(0, len(list(places(message))) - 1))
    secret = data.draw(st.sampled_from(sorted(EXAMPLES.items())))
    before, after = data.draw(st.sampled_from(["", "é ", '{"k":"', "AKIA ", "x" * 200 + " "])), " end"
    list(places(message))[index](before + secret[1] + after)
    list(places(expected))[index](f"{before}[redacted:{secret[0]}]{after}")
    for one in (message, expected):
        _same_ids(one)

    cleaned, findings = clean(DEFAULT, kind, message)

    assert cleaned == expected
    assert findings.counts == {secret[0]: 1}


def _same_ids(message: Any) -> None:
    for whole in getattr(message, "resource_spans", ()):
        for span in whole.scope_spans[0].spans:
            span.trace_id, span.span_id = b"t" * 16, b"s" * 8
            span.start_time_unix_nano = span.end_time_unix_nano = 1
    for whole in getattr(message, "resource_logs", ()):
        for record in whole.scope_logs[0].log_records:
            record.time_unix_nano = 1


@given(st.text(st.sampled_from("sk-antAIzgphoueyJ.xbKEYRBarer_- \n0é")), st.sampled_from(sorted(EXAMPLES.values())))
@settings(max_examples=400, deadline=None)
def test_the_look_at_the_bytes_misses_nothing_that_the_rules_of_the_sdk_find(noise: str, secret: str) -> None:
    for text in (noise, noise + secret, secret + noise, noise + " " + secret + noise):
        if scrub(text) != text:
            assert DEFAULT.suspects(otlp.traces({"name": text}).SerializeToString())


@pytest.mark.parametrize("size", range(redaction.CHUNK_BYTES - 30, redaction.CHUNK_BYTES + 4))
def test_a_secret_between_two_chunks_is_seen(size: int) -> None:
    assert DEFAULT.suspects(b" " * size + EXAMPLES["github_token"].encode())
    assert not DEFAULT.suspects(b" " * size + EXAMPLES["github_token"].encode()[:30])


def test_every_kind_of_secret_has_an_example_here() -> None:
    assert {secret.kind for secret in SECRETS} == set(EXAMPLES)


@pytest.mark.parametrize("text", ["risk-assessment of the task-force", "sk-", "a" * 600_000, "sk- " * 200_000])
def test_a_clean_request_comes_back_as_the_same_object(text: str) -> None:
    body = otlp.traces({"attributes": {"text": text}}).SerializeToString()

    assert DEFAULT.clean(TRACES, body, Findings()) is body


def test_an_unknown_field_with_a_secret_goes_and_one_without_stays() -> None:
    request = otlp.traces({"name": "a"}, {"name": "b"})
    spans = request.resource_spans[0].scope_spans[0].spans
    tag = b"\xa2\x1f"  # field 500: OTLP has none
    secret, harmless = EXAMPLES["api_key"].encode(), b"new"
    spans[0].MergeFromString(tag + bytes([len(secret)]) + secret)
    spans[1].MergeFromString(tag + bytes([len(harmless)]) + harmless)
    findings = Findings()

    body = DEFAULT.clean(TRACES, request.SerializeToString(), findings)

    assert (secret in body, harmless in body, findings.counts) == (False, True, {"unknown_field": 1})


def test_emails_and_cards_are_replaced_where_asked_for() -> None:
    said = "ada@example.org paid with 4111 1111 1111 1111, order 4111 1111 1111 1112 at 10@5"
    request = otlp.logs({"body": said})

    cleaned, findings = clean(from_settings(("email", "card"), None), LOGS, request)

    body = cleaned.resource_logs[0].scope_logs[0].log_records[0].body.string_value
    assert body == "[redacted:email] paid with [redacted:card], order 4111 1111 1111 1112 at 10@5"
    assert findings.counts == {"email": 1, "card": 1}
    assert DEFAULT.clean(LOGS, request.SerializeToString(), Findings()) == request.SerializeToString()


OWN = r"""
[patterns.badge]
pattern = 'EMP-\d{6}'
contains = ["EMP-"]

[patterns.colour]
pattern = '(?i)mauve'

[attributes]
mask = ["customer.email", "http.request.header.*"]
drop = ["enduser.id"]
"""


def test_the_users_patterns_and_keys_apply_however_deep(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    attributes = {
        "a": "badge EMP-123456",
        "enduser.id": 7,
        "customer.email": ["x"],
        "http.request.header.cookie": "c",
        "map": {"enduser.id": "8", "colour": "Mauve"},
    }
    request = otlp.traces({"attributes": attributes})

    cleaned, findings = clean(from_settings((), tmp_path / "own.toml"), TRACES, request)

    span = cleaned.resource_spans[0].scope_spans[0].spans[0]
    expected = otlp.traces(
        {
            "attributes": {
                "a": "badge [redacted:badge]",
                "customer.email": MASK,
                "http.request.header.cookie": MASK,
                "map": {"colour": "[redacted:colour]"},
            }
        }
    )
    assert span.attributes == expected.resource_spans[0].scope_spans[0].spans[0].attributes
    assert findings.counts == {"badge": 1, "colour": 1, "attribute": 4}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\nb = ?", "own.toml: Invalid value (at line 2, column 5)"),
        ("[pattern.a]", "own.toml: unknown key 'pattern'; there are patterns, attributes"),
        ("[patterns.a]\npattern = '('", "own.toml: patterns.a: pattern: missing ) at position 1"),
        ("[patterns.a]\npattern = 'x*'", "own.toml: patterns.a: pattern matches the empty text"),
        ("[patterns.a]\npattern = 5", "own.toml: patterns.a: pattern should be a text"),
        ("[patterns.a]\ncontains = ['x']", "own.toml: patterns.a: pattern is missing"),
        ("[patterns.card]\npattern = 'x'", "own.toml: patterns.card: call it otherwise"),
        ("patterns.a = 5", "own.toml: patterns.a: should be a table"),
        ("[attributes]\nmask = ['*']", "own.toml: attributes: mask should hold texts that are not empty, not '*'"),
        ("[attributes]\ndrop = [5]", "own.toml: attributes: drop should hold texts that are not empty, not 5"),
        (r"[patterns.a]" + "\n" + r"pattern = '(\w+\s?)+$'", "own.toml: patterns.a: pattern takes more than a second"),
    ],
)
def test_a_rule_that_cannot_be_used_stops_the_start_and_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    (tmp_path / "own.toml").write_text(text)

    assert main(["--redact-file", str(tmp_path / "own.toml")]) == 2
    assert f"--redact-file: {tmp_path}/{problem}" in capfd.readouterr().err


def test_a_pattern_that_takes_too_long_withholds_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction_rules, "_PROBES", ())
    (tmp_path / "own.toml").write_text(r"patterns.slow.pattern = '(\w+\s?)+$'")
    rules = Redaction(*load(tmp_path / "own.toml"))
    request = otlp.traces(*[{"name": "a" * 5_000 + "!"}] * (redaction_rules.MOST_TIMEOUTS + 5))

    cleaned, findings = clean(rules, TRACES, request)

    names = {span.name for span in cleaned.resource_spans[0].scope_spans[0].spans}
    assert names == {"[redacted: the rule slow took too long]"}
    assert findings.timeouts["slow"] == redaction_rules.MOST_TIMEOUTS


def _leaky() -> tuple[bytes, Any]:
    """Make a request that has a secret in every place."""
    request = _traces()
    for write in places(request):
        write(f"a {EXAMPLES['anthropic_key']} b")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    return span.trace_id, request


@pytest.mark.parametrize("media", ["application/x-protobuf", "application/json"])
def test_no_table_ever_holds_a_secret(running: CollectorProcess, media: str) -> None:
    trace_id, request = _leaky()
    body = request.SerializeToString()
    if media == "application/json":
        document = json_format.MessageToDict(request)
        for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            span["traceId"], span["spanId"] = trace_id.hex(), "01" * 8
        body = json.dumps(document).encode()
    assert running.post("/v1/traces", gzip.compress(body), content_type=media, content_encoding="gzip").is_success

    row = "SELECT * FROM otel_traces WHERE TraceId = {trace:String} FORMAT JSONEachRow"
    found = wait_for(lambda: running.sql(row, trace=trace_id.hex()))
    assert "sk-ant" not in found
    assert found.count("[redacted:anthropic_key]") > 20
    metrics = httpx.get(f"{running.otlp}/metrics").text
    assert 'redacted_total{rule="anthropic_key",signal="traces"}' in metrics


def test_no_live_event_ever_holds_a_secret(running: CollectorProcess) -> None:
    run = uuid.uuid4().hex
    attributes = {semconv.RUN_ID: run, semconv.CHUNK_TEXT: f"it is {EXAMPLES['jwt']}"}
    event = {"event_name": semconv.EVENT_RESPONSE_STREAMING, "attributes": attributes}
    assert running.post("/v1/logs", otlp.logs(event, scope=semconv.LIVE_SCOPE).SerializeToString()).is_success

    assert running.sql("SELECT Text FROM live_events WHERE RunId = {run:String}", run=run) == "it is [redacted:jwt]"


def test_no_segment_ever_holds_a_secret(tmp_path: Path) -> None:
    flags = ("--clickhouse-url", "http://127.0.0.1:1")
    with collector(tmp_path / "data", *flags, ready=False) as running:
        for _ in range(3):
            assert running.post("/v1/traces", _leaky()[1].SerializeToString()).is_success
        assert running.stop() == 0
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(b"[redacted:anthropic_key]" in path.read_bytes() for path in files)
    assert not any(b"sk-ant" in path.read_bytes() for path in files)
