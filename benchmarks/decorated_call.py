"""Microseconds of CPU that one decorated call adds: a 2 KB prompt in, a 1.5 KB response out, live telemetry on.

Baselines: the bare call, and a span written by hand with the same two JSON attributes, which is the least that anybody
who wants to see the call has to pay. Every subject runs in a process of its own and sends to the same local sink with
OpenTelemetry's own OTLP exporter behind a batch processor; what is counted is the CPU time of the calling thread, the
median of many rounds, and subjects take turns, so that a busy machine hits them alike.
"""

import argparse
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

PROMPT: Final = "Summarise what the crew of the lighthouse wrote down: é, “quotes” and \n breaks. " * 25
RESPONSE: Final = "The keeper lit the lamp at dusk, and nothing happened until the fog came in.\n" * 20
CALLS: Final = 400
ROUNDS: Final = 9
TURNS: Final = 3

Call = Callable[[str], str]
Subject = Callable[[str], tuple[Call, Callable[[], object]]]
"""``subject(endpoint)`` gives the call to measure, and what sends everything between the rounds."""


def bare(_endpoint: str) -> tuple[Call, Callable[[], object]]:
    def summarise(prompt: str) -> str:
        return RESPONSE if prompt else ""

    return summarise, lambda: None


def by_hand(endpoint: str) -> tuple[Call, Callable[[], object]]:
    from opentelemetry import trace

    provider = standard_provider(endpoint)
    tracer = trace.get_tracer("by-hand")

    def summarise(prompt: str) -> str:
        with tracer.start_as_current_span("summarise") as span:
            span.set_attribute("input", json.dumps({"prompt": prompt}, ensure_ascii=False))
            result = RESPONSE if prompt else ""
            span.set_attribute("output", json.dumps(result, ensure_ascii=False))
            return result

    return summarise, provider.force_flush


def quarterdeck(endpoint: str) -> tuple[Call, Callable[[], object]]:
    import quarterdeck as qd

    qd.init(endpoint)

    @qd.step
    def summarise(prompt: str) -> str:
        return RESPONSE if prompt else ""

    return summarise, qd.flush


def quarterdeck_in_a_run(endpoint: str) -> tuple[Call, Callable[[], object]]:
    import quarterdeck as qd

    summarise, flush = quarterdeck(endpoint)
    qd.pipeline("benchmark").__enter__()
    return summarise, flush


def standard_provider(endpoint: str) -> Any:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=16_384, schedule_delay_millis=250))
    trace.set_tracer_provider(provider)
    return provider


OURS: Final[dict[str, Subject]] = {
    "the bare call": bare,
    "a span by hand": by_hand,
    "@qd.step": quarterdeck,
    "@qd.step in a run": quarterdeck_in_a_run,
}


def microseconds(call: Call, flush: Callable[[], object]) -> float:
    """Median over the rounds of the thread's CPU time per call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            call(PROMPT)
        rounds.append((time.thread_time() - began) / CALLS * 1e6)
        flush()
    return statistics.median(rounds[1:])


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes every request and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def sink() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def measured(python: str, subject: str, endpoint: str) -> float | None:
    """One turn of a subject in a process of its own; None if its library is not there."""
    command = [python, __file__, "--subject", subject, "--endpoint", endpoint]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    answer = done.stdout.strip().rpartition("\n")[2]
    if done.returncode:
        print(f"{subject}: {done.stderr.strip().rpartition(chr(10))[2]}", file=sys.stderr)
    return float(answer) if done.returncode == 0 and answer != "absent" else None


def report(found: dict[str, list[float]]) -> None:
    hand = statistics.median(found["a span by hand"])
    for name, turns in found.items():
        cost = statistics.median(turns)
        print(f"{name:<24} {cost:8.1f} µs per call   {cost / hand:6.2f} x the span by hand")
    ours = statistics.median(found["@qd.step in a run"])
    print(f"promise: at most 1.0 x the span by hand; measured {ours / hand:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        call, flush = OURS[options.subject](options.endpoint)
        print(microseconds(call, flush))
        return
    found: dict[str, list[float]] = {}
    with sink() as endpoint:
        for _ in range(TURNS):
            for name in OURS:
                cost = measured(sys.executable, name, endpoint)
                if cost is not None:
                    found.setdefault(name, []).append(cost)
    report(found)


if __name__ == "__main__":
    main()
