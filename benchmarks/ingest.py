"""Spans per second through OTLP/HTTP, durable, against decoding each span in Python and inserting rows.

Both sides get the same requests and end in the same tables with all their views; the clock stops when every span
can be queried. The baseline is given an advantage: no HTTP, no fsync.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from quarterdeck_collector.live import text
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for

SPANS_PER_RUN = 20
ROWS_PER_INSERT = 10_000
WORDS = [f"{chr(97 + n % 26)}{n:x}" for n in range(4000)]
KINDS = {1: "Internal", 3: "Client"}
PAYLOAD = ("gen_ai.input.messages", "gen_ai.output.messages")


def requests(spans: int, per_request: int) -> list[bytes]:
    """Make the load: runs of 20 spans, 2.4 KB each on average, a third of them model calls."""
    chance = random.Random(1)  # noqa: S311 - a load, no secret
    made = []
    for _ in range(spans // per_request):
        batch = (span for _ in range(per_request // SPANS_PER_RUN) for span in _run(chance))
        made.append(otlp.traces(*batch).SerializeToString())
    return made


def _run(chance: random.Random) -> Iterator[dict[str, Any]]:
    trace = otlp.new_trace_id()
    for number in range(SPANS_PER_RUN):
        attributes: dict[str, Any] = {
            "quarterdeck.run.id": trace.hex(),
            "quarterdeck.pipeline.name": f"pipeline {chance.randrange(5)}",
            "quarterdeck.step.name": f"step {number // 4}",
            "custom.retries": chance.randrange(3),
            "custom.ratio": chance.random(),
        }
        if number % 3 == 0:
            attributes |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.response.model": "claude-sonnet-4-5-20250929",
                "gen_ai.usage.input_tokens": chance.randrange(4000),
                "gen_ai.usage.output_tokens": chance.randrange(800),
                "gen_ai.input.messages": " ".join(chance.choices(WORDS, k=chance.randrange(600, 1200))),
                "gen_ai.output.messages": " ".join(chance.choices(WORDS, k=chance.randrange(100, 500))),
            }
        yield {
            "trace_id": trace,
            "span_id": os.urandom(8),
            "kind": 3 if number % 3 == 0 else 1,
            "attributes": attributes,
        }


def through_http(bodies: Sequence[bytes], spans: int, clients: int) -> tuple[float, float]:
    """Give spans per second of wall time and per second of the collector's CPU."""
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data") as running:
        before, start = _cpu(running), time.perf_counter()
        share = [bodies[client::clients] for client in range(clients)]
        threads = [threading.Thread(target=_post, args=(running, mine)) for mine in share]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: running.sql("SELECT count() FROM otel_traces") == str(spans), 600)
        return spans / (time.perf_counter() - start), spans / (_cpu(running) - before)


def _post(running: CollectorProcess, bodies: Sequence[bytes]) -> None:
    with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=60) as client:
        for body in bodies:
            client.post(f"{running.otlp}/v1/traces", content=body).raise_for_status()


def _cpu(running: CollectorProcess) -> float:
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_python(bodies: Sequence[bytes], spans: int) -> tuple[float, float]:
    """Give the same two numbers for a walk over the spans in Python and inserts of JSON rows, 10,000 at a time."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store", "quarterdeck")
        migrate(store)
        used, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        rows: list[dict[str, Any]] = []
        for body in bodies:
            rows += _rows(ExportTraceServiceRequest.FromString(body))
            if len(rows) >= ROWS_PER_INSERT:
                store.insert_rows("otel_traces", rows)
                rows = []
        if rows:
            store.insert_rows("otel_traces", rows)
        wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        stored = store.rows("SELECT count() FROM quarterdeck.otel_traces")
        store.close()
    if stored != [[str(spans)]]:
        raise RuntimeError(f"the baseline stored {stored} of {spans} spans")
    return spans / wall, spans / (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


def _rows(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    for whole in request.resource_spans:
        about = {pair.key: text(pair.value) for pair in whole.resource.attributes}
        for scoped in whole.scope_spans:
            for span in scoped.spans:
                attributes = {pair.key: text(pair.value) for pair in span.attributes}
                payload = {key: attributes.pop(key) for key in PAYLOAD if key in attributes}
                start = span.start_time_unix_nano
                yield {
                    "Timestamp": f"{start // 10**9}.{start % 10**9:09d}",
                    "TraceId": span.trace_id.hex(),
                    "SpanId": span.span_id.hex(),
                    "ParentSpanId": span.parent_span_id.hex(),
                    "SpanName": span.name,
                    "SpanKind": KINDS.get(span.kind, "Unspecified"),
                    "ServiceName": about.get("service.name", ""),
                    "ResourceAttributes": about,
                    "ScopeName": scoped.scope.name,
                    "SpanAttributes": attributes,
                    "Payload": payload,
                    "Duration": span.end_time_unix_nano - start,
                    "StatusCode": "Unset",
                }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=60_000)
    parser.add_argument("--per-request", type=int, default=500)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    bodies = requests(options.spans, options.per_request)
    megabytes = sum(map(len, bodies)) / 1e6
    print(f"{options.spans} spans in {len(bodies)} requests, {megabytes:.0f} MB, load average {os.getloadavg()[0]:.1f}")
    ours = through_http(bodies, options.spans, options.clients)
    theirs = in_python(bodies, options.spans)
    print(f"collector, durable, over HTTP   {ours[0]:8.0f} spans/s   {ours[1]:8.0f} per CPU second")
    print(f"decoded in Python, no HTTP      {theirs[0]:8.0f} spans/s   {theirs[1]:8.0f} per CPU second")
    print(f"ratio                           {ours[0] / theirs[0]:8.2f}            {ours[1] / theirs[1]:8.2f}")


if __name__ == "__main__":
    main()
