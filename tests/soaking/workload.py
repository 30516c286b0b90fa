"""What the collector of a soak is given, and what of it must then be in its tables."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, NumberDataPoint

from quarterdeck_ui import queries
from support import otlp
from support.collectors import PATIENCE, CollectorProcess
from support.load import CALL, DEEP, SPANS_PER_REQUEST, Load

PIPELINES: Final = Path(__file__).parent / "pipelines.py"
ITEMS: Final = 2
"""Log records, and data points, of a request."""
_NS: Final = 10**9
_COUNTS: Final = {
    "spans": "SELECT TraceId, count() FROM quarterdeck.otel_traces GROUP BY TraceId",
    "log records": "SELECT TraceId, count() FROM quarterdeck.otel_logs WHERE ServiceName = 'tests' GROUP BY TraceId",
    "data points": "SELECT Attributes['id'], count() FROM quarterdeck.otel_metrics_gauge GROUP BY 1",
}


def spans_of_each_kind(trace_id: bytes) -> bytes:
    """Three spans that are taken; now and then with nested values, or with a fourth that is not: it has no id."""
    kind = trace_id[0] % 4
    good = {"trace_id": trace_id, "attributes": {**CALL, **(DEEP if kind == 1 else {})}}
    bad = [{"trace_id": trace_id, "span_id": b""}] if is_rejected_in_part(trace_id) else []
    body: bytes = otlp.traces(*[good] * SPANS_PER_REQUEST, *bad).SerializeToString()
    return body


def is_rejected_in_part(trace_id: bytes) -> bool:
    """Whether the request of this trace has a span without an id."""
    return trace_id[0] % 4 == 2


def log_records(trace_id: bytes) -> bytes:
    """Records of one trace."""
    body: bytes = otlp.logs(*[{"trace_id": trace_id, "body": "a soaked word " * 9}] * ITEMS).SerializeToString()
    return body


def data_points(trace_id: bytes) -> bytes:
    """Points that carry the id."""
    point = NumberDataPoint(time_unix_nano=time.time_ns(), as_double=1.5, attributes=otlp.pairs({"id": trace_id.hex()}))
    body: bytes = otlp.metrics({"name": "soaked", "gauge": Gauge(data_points=[point] * ITEMS)}).SerializeToString()
    return body


class Pipelines:
    """A program of decorated functions, which runs until it is told to end and says how many spans each run has."""

    def __init__(self, endpoint: str, buffer: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PIPELINES), endpoint, str(buffer)], stdout=subprocess.PIPE, text=True
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        if self._process.stdout:
            self._lines.extend(self._process.stdout)

    def finish(self) -> dict[str, int]:
        """End it, everything sent, and give the spans of each trace."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE)
        self._reader.join()
        if code:
            raise RuntimeError(f"the decorated program ended with {code}")
        return {trace: int(count) for trace, count in map(str.split, self._lines)}

    def kill(self) -> None:
        """End it for good."""
        self._process.kill()
        self._process.wait()
        self._reader.join()


class Viewer:
    """Asks what an open deck asks, a round a second."""

    def __init__(self, url: str) -> None:
        self.answered, self.away = 0, 0
        self.wrong: list[str] = []
        self._store = queries.Store(url, "quarterdeck")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(1):
            try:
                self._round(time.time_ns())
                self.answered += 1
            except queries.StoreError:  # the collector is being killed or is starting
                self.away += 1
            except Exception as error:  # noqa: BLE001 - reported as a fact that fails
                self.wrong.append(repr(error))

    def _round(self, now: int) -> None:
        queries.today(self._store)
        runs = queries.recent_runs(self._store, now)
        queries.performance(self._store, queries.ChartRange(now - 900 * _NS, now))
        queries.events_after(self._store, now - 5 * _NS)
        queries.alerts_now(self._store)
        queries.log_lines(self._store, queries.LogFilter(), 100, since_ns=now - 300 * _NS)
        if runs:
            queries.spans_of_run(self._store, runs[0].id, runs[0].start_ns, now)


class Workload:
    """All senders together."""

    def __init__(self, endpoint: str, folder: Path, clients: int) -> None:
        self._endpoint, self._folder = endpoint, folder
        self._spans = [Load(clients, 0.05), Load(max(1, clients // 2), 0.1, over_grpc=True)]
        self._logs = Load(1, 0.05, signal="Logs")
        self._points = Load(1, 0.1, signal="Metrics")
        self._loads = [*self._spans, self._logs, self._points]
        self.pipelines: Pipelines | None = None
        for load in self._spans:
            load.make = spans_of_each_kind
        self._logs.make, self._points.make = log_records, data_points

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Send while the block runs."""
        with contextlib.ExitStack() as stack:
            for load in self._loads:
                stack.enter_context(load)
            self.pipelines = Pipelines(self._endpoint, self._folder / "buffer")
            stack.callback(self.pipelines.kill)
            yield

    def aim(self, running: CollectorProcess) -> None:
        """Go on with another collector."""
        for load in self._loads:
            load.aim(running)

    @property
    def refused(self) -> int:
        """Requests that were answered with 503 so far."""
        return sum(load.refused for load in self._loads)

    @property
    def acknowledged(self) -> int:
        """Spans, records and points that were acknowledged so far, those of decorated runs left out."""
        spans = sum(len(load.acknowledged) for load in self._spans) * SPANS_PER_REQUEST
        return spans + ITEMS * (len(self._logs.acknowledged) + len(self._points.acknowledged))

    def finish(self) -> "Expected":
        """Stop when everything begun has been acknowledged, and say what must be stored."""
        ids = [load.finish() for load in self._loads]
        spans = dict.fromkeys(ids[0] | ids[1], SPANS_PER_REQUEST)
        decorated = self.pipelines.finish() if self.pipelines else {}
        rejected = sum(is_rejected_in_part(trace_id) for load in self._spans for trace_id in load.acknowledged)
        counts = {
            "spans": {**spans, **decorated},
            "log records": dict.fromkeys(ids[2], ITEMS),
            "data points": dict.fromkeys(ids[3], ITEMS),
        }
        told = Counter(number for load in self._spans for number in load.rejected)
        return Expected(counts, len(decorated), rejected, told)


class Expected:
    """What must be stored, and what was rejected of what was sent."""

    def __init__(self, counts: dict[str, dict[str, int]], runs: int, rejected: int, told: Counter[int]) -> None:
        self._counts, self.runs = counts, runs
        self.rejected, self.told = rejected, sum(number * times for number, times in told.items())

    @property
    def sent(self) -> int:
        """Spans of acknowledged requests."""
        return self.stored("spans") + self.rejected

    def stored(self, what: str) -> int:
        """How many of one kind must be stored."""
        return sum(self._counts[what].values())

    def differences(self, ask: Callable[[str], str]) -> dict[str, dict[str, tuple[int, int]]]:
        """Give, for each kind, the ids of which another number is stored than must be: (stored, right)."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for what, right in self._counts.items():
            rows = (json.loads(line) for line in ask(_COUNTS[what] + " FORMAT JSONCompactEachRow").splitlines())
            stored = {name: int(count) for name, count in rows}
            ids = stored.keys() | right.keys()
            pairs = {name: (stored.get(name, 0), right.get(name, 0)) for name in ids}
            found[what] = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        return found


def free_of_keys() -> None:
    """Forget variables that would send telemetry elsewhere."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "QUARTERDECK_")):
            del os.environ[name]
