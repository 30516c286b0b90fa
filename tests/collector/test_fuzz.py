"""Ten thousand damaged requests: refused or taken as well as can be, never a 5xx, a crash or a lost count."""

import contextlib
import gzip
import http.client
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import zstandard
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types

from quarterdeck import semconv
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for

REQUESTS = 10_000
LIVE_REQUESTS = 200
CLIENTS = 8
NO_ANSWER = 0
FINE = {200, 400, 413, 415}
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}

SPOOLED = [f'spooled_items{{signal="{signal}"}}' for signal in ("traces", "logs")]

Request = tuple[str, bytes, dict[str, str]]

RICH: dict[str, Any] = {
    "i": 1,
    "s": "x",
    "b": True,
    "d": 1.5,
    "a": [1, "y", None],
    "k": {"n": [1, {"m": b"z"}]},
    "x": b"\xff",
}
SPAN: dict[str, Any] = {
    "attributes": RICH,
    "events": [{"name": "e", "time_unix_nano": 1, "attributes": RICH}],
    "links": [{"trace_id": b"t" * 16, "span_id": b"s" * 8, "attributes": RICH}],
    "status": {"code": 2, "message": "m"},
}
TRACES = otlp.traces(SPAN, {}, {"attributes": {"gen_ai.operation.name": "chat"}})
LOGS = otlp.logs({"body": RICH, "attributes": RICH, "event_name": "e"}, {"body": "text"})
LIVE = otlp.logs(
    {"event_name": semconv.EVENT_STEP_PROGRESS, "body": RICH, "attributes": {semconv.RUN_ID: "r", **RICH}},
    scope=semconv.LIVE_SCOPE,
)


def bit_flips(chance: random.Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body))]


def splice(chance: random.Random, body: bytes) -> bytes:
    start, end = sorted(chance.choices(range(len(body)), k=2))
    at = chance.randrange(len(body))
    return body[:at] + body[start:end] + body[at:]


def varints(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    varint = bytes(chance.randrange(128, 256) for _ in range(chance.randrange(10))) + bytes([chance.randrange(128)])
    return body[:at] + varint + body[at + chance.randrange(3) :]


def noise(chance: random.Random, body: bytes) -> bytes:
    return chance.randbytes(chance.randrange(len(body)))


DAMAGE: list[Callable[[random.Random, bytes], bytes]] = [bit_flips, bit_flips, cut, splice, varints, noise]
ODD_VALUES: list[Any] = [
    None,
    -1,
    2**70,
    1.5,
    "",
    "\ud800",
    "²",
    [],
    {},
    [[]],
    {"stringValue": {}},
    True,
    "9" * 50,
    "zz",
]


def odd_json(chance: random.Random, value: Any) -> Any:
    """Replace one part of a JSON document."""
    if not value or not isinstance(value, dict | list) or chance.random() < 0.15:
        return chance.choice(ODD_VALUES)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = chance.choice(keys)
    value[key] = odd_json(chance, value[key])
    if isinstance(value, dict) and chance.random() < 0.05:
        value[chance.choice(("traceId", "unknown", key + "x"))] = value.pop(key)
    return value


def encodings(chance: random.Random, body: bytes) -> tuple[bytes, str]:
    name = chance.choice(("gzip", "deflate", "zstd", "GZIP", "br", "identity", "gzip, gzip", "\xe9"))
    squeeze = chance.choice((gzip.compress, zlib.compress, zstandard.compress, bytes))
    squeezed = squeeze(body)
    return chance.choice((bit_flips(chance, squeezed), cut(chance, squeezed), squeezed)), name


def damaged(chance: random.Random, path: str, message: Any) -> Request:
    body = message.SerializeToString()
    kind = chance.random()
    if kind < 0.7:
        return path, chance.choice(DAMAGE)(chance, body), PROTOBUF
    if kind < 0.85:
        document = json_format.MessageToDict(message)
        text = json.dumps(odd_json(chance, document)).encode()
        return path, chance.choice(DAMAGE)(chance, text) if chance.random() < 0.3 else text, JSON
    if kind < 0.95:
        squeezed, name = encodings(chance, body)
        return path, squeezed, {**PROTOBUF, "content-encoding": name}
    media = chance.choice(
        ("", "text/plain", "application/json; charset=latin-1", "APPLICATION/X-PROTOBUF", "application/grpc")
    )
    return path, body, {"content-type": media}


def requests(seed: int) -> Iterator[Request]:
    chance = random.Random(seed)  # noqa: S311 - damage, no secret
    for number in range(REQUESTS // CLIENTS):
        if number < LIVE_REQUESTS // CLIENTS:
            yield damaged(chance, "/v1/logs", LIVE)
        else:
            path, message = chance.choice(
                (("/v1/traces", TRACES), ("/v1/traces", TRACES), ("/v1/logs", LOGS), ("/v1/metrics", TRACES))
            )
            yield damaged(chance, path, message)


def send(running: CollectorProcess, seed: int) -> list[tuple[int, Request]]:
    """Send the requests of one client over one connection, which is made anew only where the collector closed it."""
    answers: list[tuple[int, Request]] = []
    with contextlib.closing(http.client.HTTPConnection(running.otlp.removeprefix("http://"), timeout=90)) as connection:
        for path, body, headers in requests(seed):
            try:
                connection.request("POST", path, body, headers)
                with connection.getresponse() as answer:
                    answer.read()
            except (ConnectionError, http.client.HTTPException):
                answers.append((NO_ANSWER, (path, body, headers)))
                connection.close()
            else:
                answers.append((answer.status, (path, body, headers)))
    return answers


def counts(running: CollectorProcess) -> dict[str, float]:
    lines = httpx.get(f"{running.otlp}/metrics").text.splitlines()
    pairs = (line.removeprefix("quarterdeck_collector_").rsplit(" ", 1) for line in lines if line[0] != "#")
    return {name: float(value) for name, value in pairs}


def test_ten_thousand_damaged_requests_do_no_harm(tmp_path: Path) -> None:
    with collector(tmp_path / "data") as running:
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = [answer for part in pool.map(partial(send, running), range(CLIENTS)) for answer in part]
        good = otlp.new_trace_id()
        assert running.post("/v1/traces", otlp.traces({"trace_id": good}).SerializeToString()).status_code == 200
        query = "SELECT count() FROM otel_traces WHERE TraceId = {trace:String}"
        wait_for(lambda: running.sql(query, trace=good.hex()) == "1")
        found = wait_for(lambda: (now := counts(running)) and sum(now[name] for name in SPOOLED) == 0 and now)
        stored = {
            "traces": running.sql("SELECT count() FROM otel_traces"),
            "logs": running.sql("SELECT count() FROM otel_logs"),
        }
        assert running.stop() == 0

    assert len(answers) == REQUESTS
    assert [request for status, request in answers if status not in FINE] == []
    assert {status for status, _ in answers} == FINE - {413}
    for signal in ("traces", "logs"):
        label = f'{{signal="{signal}"}}'
        assert found[f"accepted_items_total{label}"] == found[f"stored_items_total{label}"] == float(stored[signal])
    assert "Traceback" not in running.log.read_text()
    assert Counter(status for status, _ in answers)[200] > REQUESTS // 20
