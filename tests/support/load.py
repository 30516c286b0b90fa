"""Clients that post and retry, and what must then be in the store."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Self

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from support import otlp
from support.collectors import PATIENCE, CollectorProcess, wait_for

SPANS_PER_REQUEST = 3
CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "text": "x" * 500}
PATHS = {"Trace": "/v1/traces", "Logs": "/v1/logs", "Metrics": "/v1/metrics"}
DEEP = {"deep": {"a": [1, {"b": "c"}]}}


def flat_spans(trace_id: bytes) -> bytes:
    """A request of model calls in one trace."""
    spans = [{"trace_id": trace_id, "attributes": CALL}] * SPANS_PER_REQUEST
    body: bytes = otlp.traces(*spans).SerializeToString()
    return body


def nested_spans(trace_id: bytes) -> bytes:
    """The same with values that ClickHouse does not read without help."""
    spans = [{"trace_id": trace_id, "attributes": {**CALL, **DEEP}}] * SPANS_PER_REQUEST
    body: bytes = otlp.traces(*spans).SerializeToString()
    return body


class Load:
    """Clients that post to the collector that they are aimed at, and repeat each request until it is acknowledged.

    Args:
        clients: How many post at once.
        pause: Seconds between two requests of a client.
        over_grpc: Whether they speak gRPC instead of HTTP.
        signal: What they send: Trace, Logs or Metrics.
    """

    def __init__(self, clients: int = 4, pause: float = 0, *, over_grpc: bool = False, signal: str = "Trace") -> None:
        self._over_grpc = over_grpc
        self._signal = signal
        self._pause = pause
        self.acknowledged: list[bytes] = []
        self.rejected: list[int] = []
        """Of each acknowledged request that was not taken whole, how many items were not."""
        self.refused = 0
        self.make: Callable[[bytes], bytes] = flat_spans
        self._running: CollectorProcess | None = None
        self._stop = threading.Event()
        self._give_up = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def aim(self, running: CollectorProcess) -> None:
        """Go on with another collector."""
        self._running = running

    def wait_for_one_more(self) -> None:
        """Return after the next acknowledgement."""
        before = len(self.acknowledged)
        wait_for(lambda: len(self.acknowledged) > before)

    def _work(self) -> None:
        with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=PATIENCE) as client:
            while not self._stop.is_set():
                trace_id = otlp.new_trace_id()
                body = self.make(trace_id)
                while not (stored := self._post(client, body)) and not self._give_up.is_set():
                    time.sleep(0.05)
                if stored:
                    self.acknowledged.append(trace_id)
                time.sleep(self._pause)

    def _post(self, client: httpx.Client, body: bytes) -> bool:
        if self._running is None:
            return False
        with contextlib.suppress(httpx.TransportError, grpc.RpcError):
            if self._over_grpc:
                self._note(self._running.rpc(self._signal, body))
                return True
            answer = client.post(self._running.otlp + PATHS[self._signal], content=body)
            assert answer.status_code in (200, 503), answer.text
            self.refused += answer.status_code == 503
            if answer.status_code == 200:
                self._note(answer.content)
                return True
        return False

    def _note(self, answer: bytes) -> None:
        # The three answers are alike but for their names.
        if rejected := ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans:
            self.rejected.append(rejected)

    def stop(self) -> set[str]:
        """Stop at once and give the traces that were acknowledged."""
        self._give_up.set()
        return self.finish()

    def finish(self) -> set[str]:
        """Stop when every request begun has been acknowledged, and give their traces."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return {trace_id.hex() for trace_id in self.acknowledged}
