"""Forwarding by a real collector to targets that are well, slow, away, or of another opinion."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types

from quarterdeck import semconv
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for
from support.otlp_receiver import Receiver
from support.servers import serve

AWAY = ("--clickhouse-url", "http://127.0.0.1:1")
"""Forwarding does not need ClickHouse, and a collector without it starts sooner."""


@dataclass
class Deck:
    """A collector and its two targets."""

    running: CollectorProcess
    http: Receiver
    grpc: Receiver
    names: dict[str, str]

    def send(self, *spans: dict[str, Any]) -> list[str]:
        """Post spans, each as a request of its own, and give their names, which no other test uses."""
        names = [otlp.new_trace_id().hex() for _ in spans]
        for name, span in zip(names, spans, strict=True):
            assert self.running.post("/v1/traces", otlp.traces({"name": name, **span}).SerializeToString()).is_success
        return names

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Give the status of the collector and the check of the HTTP target."""
        answer = httpx.get(f"{self.running.otlp}/readyz")
        return answer.status_code, answer.json()["checks"][f"forward {self.names['http']}"]

    def count(self, metric: str, target: str = "http", **labels: str) -> float:
        """Read a metric of one target, all its signals together."""
        wanted = {"target": self.names[target], **labels}
        text = httpx.get(f"{self.running.otlp}/metrics").text
        total = 0.0
        for found, value in re.findall(rf"^quarterdeck_collector_{metric}{{(.*)}} (\S+)$", text, re.MULTILINE):
            if wanted.items() <= dict(re.findall(r'(\w+)="([^"]*)"', found)).items():
                total += float(value)
        return total


def names_at(receiver: Receiver) -> list[str]:
    return [span["name"] for span in receiver.spans()]


def heard(receiver: Receiver, word: str) -> list[str]:
    return [record["body"] for record in receiver.records("quarterdeck.log") if word in record["body"]]


def rejected(deck: Deck) -> list[float]:
    return [deck.count("forward_dropped_items_total", target, reason="rejected") for target in ("http", "grpc")]


def queued(deck: Deck, items: int) -> bool:
    return deck.count("forward_queued_items_total") == items


def gone_on(deck: Deck, target: str) -> bool:
    """Whether everything that was queued for a target has been accounted for."""
    parts = ("forwarded_items_total", "forward_dropped_items_total", "forward_withheld_items_total")
    total = sum(deck.count(part, target) for part in (*parts, "forward_waiting_items"))
    return deck.count("forward_queued_items_total", target) == total > 0


def arrived(receiver: Receiver, names: list[str]) -> bool:
    return set(names) <= set(names_at(receiver))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    http, over_grpc = Receiver(), Receiver()
    with ExitStack() as stack:
        url = stack.enter_context(serve(http.app()))
        port = stack.enter_context(over_grpc.serve_grpc())
        names = {"http": url, "grpc": f"grpc://127.0.0.1:{port}"}
        options = "?max_value_bytes=100&timeout=0.5&header.authorization=Bearer%20very-secret"
        flags = ("--forward", f"{url}{options}", "--forward", f"{names['grpc']}?header.x-token=very-secret")
        more = ("--segment-max-age", "0.1", "--ui-url", "http://deck.example")
        running = stack.enter_context(collector(tmp_path_factory.mktemp("forward") / "data", *flags, *more))
        yield Deck(running, http, over_grpc, names)


@pytest.fixture
def deck(shared: Deck) -> Iterator[Deck]:
    yield shared
    for receiver in (shared.http, shared.grpc):
        vars(receiver).update(vars(replace(Receiver(), traces=receiver.traces, logs=receiver.logs)))


def test_both_transports_get_the_spans_and_their_headers(deck: Deck) -> None:
    names = deck.send({}, {}, {})

    wait_for(lambda: arrived(deck.http, names) and arrived(deck.grpc, names))
    assert (deck.http.headers["authorization"], deck.http.headers["content-encoding"]) == ("Bearer very-secret", "gzip")
    assert deck.grpc.headers["x-token"] == "very-secret"


def test_a_target_gets_the_very_request_unless_something_has_to_be_rewritten(deck: Deck) -> None:
    sent = otlp.traces({"name": otlp.new_trace_id().hex(), "attributes": {"text": "x" * 3_000, "deep": {"a": [1]}}})
    assert deck.running.post("/v1/traces", sent.SerializeToString()).is_success

    name = sent.resource_spans[0].scope_spans[0].spans[0].name
    wait_for(lambda: arrived(deck.grpc, [name]) and arrived(deck.http, [name]))
    assert sent in deck.grpc.traces
    trimmed = next(span for span in deck.http.spans() if span["name"] == name)
    assert trimmed["attributes"]["text"].endswith("x… [trimmed by Quarterdeck, 3000 bytes]")
    assert trimmed["attributes"][semconv.RUN_URL].startswith("http://deck.example/?run=")


def test_live_events_and_secrets_stay_here(deck: Deck) -> None:
    secret, word = "sk-ant-api03-abcdefghijklmnop", otlp.new_trace_id().hex()
    mixed = otlp.logs({"body": f"live {word}"}, scope=semconv.LIVE_SCOPE)
    mixed.MergeFrom(otlp.logs({"body": f"{word} {secret}"}))
    assert deck.running.post("/v1/logs", mixed.SerializeToString()).is_success

    for receiver in (deck.http, deck.grpc):
        wait_for(partial(heard, receiver, word))
        assert heard(receiver, word) == [f"{word} [redacted:anthropic_key]"]
        assert receiver.records(semconv.LIVE_SCOPE) == []


def test_a_target_that_is_away_is_told_of_everywhere_and_holds_up_nothing(deck: Deck) -> None:
    deck.http.status, deck.http.answer_headers = 503, {"retry-after": "1"}
    names = deck.send({}, {}, {})

    wait_for(lambda: deck.count("forward_failing") == 1)
    status, check = deck.ready()
    assert (status, check["ok"], check["required"]) == (200, False, False)
    assert check["reason"] == "traces: HTTP 503"
    wait_for(lambda: deck.count("forward_waiting_items") == 3)
    assert deck.count("forward_waiting_bytes") > 0
    stored = "SELECT count() FROM otel_traces WHERE SpanName IN splitByChar(',', {names:String})"
    wait_for(lambda: deck.running.sql(stored, names=",".join(names)) == "3")
    wait_for(lambda: arrived(deck.grpc, names))

    deck.http.status = 200
    wait_for(lambda: arrived(deck.http, names))
    assert [names_at(deck.http).count(name) for name in names] == [1, 1, 1]
    wait_for(lambda: deck.ready()[1]["ok"] and deck.count("forward_waiting_items") == 0)
    log = deck.running.log.read_text()
    assert "does not take traces, will try again: HTTP 503" in log
    assert f"{deck.names['http']} takes traces again" in log


def test_a_target_that_hangs_is_asked_again(deck: Deck) -> None:
    deck.http.hangs = True
    names = deck.send({})
    wait_for(lambda: deck.ready()[1]["reason"] == "traces: no answer within 0.5 s")

    deck.http.hangs = False
    wait_for(lambda: arrived(deck.http, names) and deck.ready()[1]["ok"])


def test_a_refused_request_is_dropped_and_its_neighbours_arrive(deck: Deck) -> None:
    before = deck.count("forward_dropped_items_total", reason="refused")
    poison = "poison " + otlp.new_trace_id().hex()
    deck.http.refuses = lambda body: 400 if b"poison" in body else 0
    deck.http.status = 503
    names = deck.send({}, {"name": poison}, {})
    wait_for(lambda: deck.count("forward_failing") == 1 and deck.count("forward_waiting_items") == 3)
    deck.http.status = 200

    wait_for(lambda: arrived(deck.http, [names[0], names[2]]))
    wait_for(lambda: deck.count("forward_dropped_items_total", reason="refused") == before + 1)
    assert not arrived(deck.http, [poison])
    assert "refuses traces for good; they are dropped, and counted: HTTP 400" in deck.running.log.read_text()


def test_a_target_that_refuses_everything_is_told_of(deck: Deck) -> None:
    deck.http.status = 401
    deck.send({})
    wait_for(lambda: deck.ready() == (200, {"ok": False, "reason": "traces: HTTP 401", "required": False}))

    deck.http.status = 200
    deck.send({})
    wait_for(lambda: deck.ready()[1]["ok"])


def test_a_request_that_is_too_large_is_divided(deck: Deck) -> None:
    deck.http.refuses = lambda body: 413 if body.count(b"too large") > 1 else 0
    names = [f"too large {otlp.new_trace_id().hex()}" for _ in range(5)]
    assert deck.running.post("/v1/traces", otlp.traces(*({"name": n} for n in names)).SerializeToString()).is_success

    wait_for(lambda: arrived(deck.http, names))
    assert [names_at(deck.http).count(name) for name in names] == [1] * 5


def test_rejected_parts_of_a_request_are_counted(deck: Deck) -> None:
    counts = rejected(deck)
    deck.http.rejected = deck.grpc.rejected = 1
    names = deck.send({})

    wait_for(lambda: arrived(deck.http, names) and arrived(deck.grpc, names))
    wait_for(lambda: rejected(deck) == [count + 1 for count in counts])
    assert "they are dropped, and counted: some spans are too old" in deck.running.log.read_text()


def test_grpc_codes_are_obeyed(deck: Deck) -> None:
    dropped = deck.count("forward_dropped_items_total", "grpc", reason="refused")
    deck.grpc.code, deck.grpc.details = grpc.StatusCode.RESOURCE_EXHAUSTED, RetryInfo(retry_delay={"nanos": 1_000_000})
    names = deck.send({})
    wait_for(lambda: deck.count("forward_failing", "grpc") == 1)
    deck.grpc.code = grpc.StatusCode.UNAVAILABLE
    asked = deck.grpc.asked
    wait_for(lambda: deck.grpc.asked > asked + 1)
    deck.grpc.code = grpc.StatusCode.OK
    wait_for(lambda: arrived(deck.grpc, names))

    deck.grpc.code, deck.grpc.details = grpc.StatusCode.RESOURCE_EXHAUSTED, None  # nothing says that waiting helps
    deck.send({})
    wait_for(lambda: deck.count("forward_dropped_items_total", "grpc", reason="refused") == dropped + 1)


def test_the_counters_add_up_and_no_header_is_shown_anywhere(deck: Deck) -> None:
    wait_for(lambda: gone_on(deck, "http") and gone_on(deck, "grpc"))
    shown = "".join(httpx.get(f"{deck.running.otlp}{path}").text for path in ("/metrics", "/readyz"))
    assert "very-secret" not in shown + deck.running.log.read_text()
    assert "Traceback" not in deck.running.log.read_text()


def test_a_kill_loses_nothing_for_a_target_that_was_away_and_repeats_nothing_for_one_that_was_not(
    tmp_path: Path,
) -> None:
    well, away = Receiver(), Receiver(status=503)
    with serve(well.app()) as first, serve(away.app()) as second:
        flags = (*AWAY, "--forward", f"{first} {second}", "--segment-max-age", "0.05")
        names: list[str] = []
        for _ in range(3):
            with collector(tmp_path / "data", *flags, ready=False) as running:
                fresh = Deck(running, well, away, {}).send({}, {}, {})
                names += fresh
                wait_for(partial(arrived, well, fresh))
                running.kill()
        away.status = 200
        with collector(tmp_path / "data", *flags, ready=False) as running:
            wait_for(lambda: arrived(away, names))
            links = (tmp_path / "data" / "forward").rglob("*.otlp")
            wait_for(lambda: not list(links))
            assert running.stop() == 0

    assert names_at(away) == names
    # What was under way when the kill came may arrive again: at most one request for each kill.
    assert [name for number, name in enumerate(names_at(well)) if name not in names_at(well)[:number]] == names
    assert len(names_at(well)) <= len(names) + 3 * 3


def test_a_target_may_come_up_later(tmp_path: Path) -> None:
    target = Receiver()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with collector(tmp_path / "data", *AWAY, "--forward", f"grpc://127.0.0.1:{port}", ready=False) as running:
        names = Deck(running, target, target, {}).send({})
        wait_for(lambda: "will try again: gRPC UNAVAILABLE" in running.log.read_text())
        with target.serve_grpc(port):
            wait_for(lambda: arrived(target, names))
            assert running.stop() == 0


def test_a_full_spool_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    target = Receiver(status=503)
    with serve(target.app()) as url:
        flags = (*AWAY, "--forward", url, "--forward-max-bytes", "2000", "--segment-max-age", "0.01")
        with collector(tmp_path / "data", *flags, ready=False) as running:
            deck = Deck(running, target, target, {"http": url})
            names = []
            for number in range(8):
                names += deck.send({"attributes": {"text": "x" * 600}})
                wait_for(partial(queued, deck, number + 1))
            assert deck.count("forward_dropped_items_total", reason="spool_full") == 6
            target.status = 200
            wait_for(lambda: arrived(target, [names[0], names[-1]]))  # the first was under way
            assert names_at(target) == [names[0], names[-1]]
            assert "are dropped from now on, they cannot wait any longer: spool_full" in running.log.read_text()
            assert running.stop() == 0
        with collector(tmp_path / "data", *flags, ready=False) as running:
            assert Deck(running, target, target, {"http": url}).count("forward_queued_items_total") == 0


def test_a_stop_sends_what_is_quick_and_names_what_waits_for_nobody(tmp_path: Path) -> None:
    target = Receiver()
    with serve(target.app()) as url:
        with collector(tmp_path / "data", *AWAY, "--forward", url, "--segment-max-age", "60", ready=False) as running:
            names = Deck(running, target, target, {}).send({})
            assert running.stop() == 0
        assert names_at(target) == names
        target.status = 503
        with collector(tmp_path / "data", *AWAY, "--forward", url, ready=False) as running:
            Deck(running, target, target, {}).send({})
            assert running.stop() == 0
    with collector(tmp_path / "data", *AWAY, ready=False) as running:
        assert "waits for a target that is not in --forward any more" in running.log.read_text()
