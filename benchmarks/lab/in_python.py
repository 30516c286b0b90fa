"""The baseline of ingest: parse each request in Python, walk over its spans, insert rows."""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lab import stored
from lab.load import Load, read
from lab.measure import wait_for_merges
from quarterdeck_collector import prices
from quarterdeck_collector.live import text
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore

ROWS_PER_INSERT: Final = 10_000
_KINDS: Final = {1: "Internal", 2: "Server", 3: "Client", 4: "Producer", 5: "Consumer"}
_STATUS: Final = {1: "Ok", 2: "Error"}
_PAYLOAD: Final = ("gen_ai.input.messages", "gen_ai.output.messages")


def measure(load: Load, bodies: Path) -> tuple[float, float]:
    """Give seconds until every table holds everything, and seconds of CPU with all merges, of a process of its own.

    The baseline is given an advantage: no HTTP and no fsync.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_insert_all, bodies, stored.expected(load)).result()


def _insert_all(path: Path, expected: stored.Counts) -> tuple[float, float]:
    bodies = read(path)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store", "quarterdeck")
        migrate(store)
        prices.load(store)
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        rows: list[dict[str, Any]] = []
        for body in bodies:
            rows += _rows(ExportTraceServiceRequest.FromString(body))
            if len(rows) >= ROWS_PER_INSERT:
                store.insert_rows("otel_traces", rows)
                rows = []
        if rows:
            store.insert_rows("otel_traces", rows)
        wall = time.perf_counter() - start
        wait_for_merges(lambda sql: store.rows(sql)[0][0])
        now = resource.getrusage(resource.RUSAGE_SELF)
        counts = tuple(map(int, store.rows(stored.QUERY)[0]))
        store.close()
    if counts != expected:
        raise RuntimeError(f"the baseline stored {counts}, not {expected}")
    return wall, now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def _rows(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    for whole in request.resource_spans:
        about = {pair.key: text(pair.value) for pair in whole.resource.attributes}
        for scoped in whole.scope_spans:
            for span in scoped.spans:
                attributes = {pair.key: text(pair.value) for pair in span.attributes}
                payload = {key: attributes.pop(key) for key in _PAYLOAD if key in attributes}
                start = span.start_time_unix_nano
                yield {
                    "Timestamp": f"{start // 10**9}.{start % 10**9:09d}",
                    "TraceId": span.trace_id.hex(),
                    "SpanId": span.span_id.hex(),
                    "ParentSpanId": span.parent_span_id.hex(),
                    "SpanName": span.name,
                    "SpanKind": _KINDS.get(span.kind, "Unspecified"),
                    "ServiceName": about.get("service.name", ""),
                    "ResourceAttributes": about,
                    "ScopeName": scoped.scope.name,
                    "SpanAttributes": attributes,
                    "Payload": payload,
                    "Duration": span.end_time_unix_nano - start,
                    "StatusCode": _STATUS.get(span.status.code, "Unset"),
                    "StatusMessage": span.status.message,
                }
