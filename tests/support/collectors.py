"""Collectors in processes of their own."""

import contextlib
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from grpc import Compression, insecure_channel

PATIENCE = 30.0
START = 90.0
"""Patience with a process that starts: reading its libraries takes long where everybody reads."""
PLAIN = ssl.create_default_context()
"""For ``verify=`` of plain HTTP: without it each call of httpx reads all certificates anew."""
EAGER = "import quarterdeck_collector.collector as c; c.DURABLE_EVERY = 0.02"
"""A prelude: remove segments all the time instead of every few seconds."""

Ingest = Callable[[Any], None]


@dataclass
class CollectorProcess:
    """A running collector: its addresses and the process behind them."""

    process: subprocess.Popen[str]
    otlp: str
    grpc: str
    clickhouse: str
    log: Path

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        """Post an OTLP body; header names with underscores for dashes."""
        named = {"content-type": "application/x-protobuf"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return httpx.post(self.otlp + path, content=body, headers=named, timeout=PATIENCE, verify=PLAIN)

    def rpc(self, signal: str, body: bytes, compression: Compression | None = None) -> bytes:
        """Export an OTLP body over gRPC; ``signal`` is Trace, Logs or Metrics."""
        method = f"/opentelemetry.proto.collector.{signal.lower()}.v1.{signal}Service/Export"
        with insecure_channel(self.grpc.removeprefix("http://")) as channel:
            call: Any = channel.unary_unary(method)
            answer: bytes = call(body, timeout=PATIENCE, compression=compression)
            return answer

    def sql(self, query: str, **parameters: str) -> str:
        """Run a query over the ClickHouse interface, give its text without the last newline."""
        params = {f"param_{name}": value for name, value in parameters.items()}
        answer = httpx.post(self.clickhouse, params=params, content=query, timeout=PATIENCE, verify=PLAIN)
        assert answer.status_code == 200, answer.text
        return answer.text.rstrip("\n")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it politely and give the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Call until the result is true, and give it; connection errors count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if result := what():
                return result
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def launch(data_dir: Path, log_file: Path, *flags: str, prelude: str = "") -> subprocess.Popen[str]:
    """Start a collector on free ports, after the Python statements of ``prelude``."""
    program = f"import sys; from quarterdeck_collector.__main__ import main; {prelude or 'pass'}; sys.exit(main())"
    command = [sys.executable, "-c", program, "--data-dir", str(data_dir)]
    command += ["--otlp-http-port", "0", "--otlp-grpc-port", "0", "--clickhouse-port", "0"]
    command += ["--keep-payloads-days", "0", "--keep-days", "0", "--keep-rollups-days", "0"]  # tests use fixed dates
    command += ["--insert-share", "1"]  # tests are in a hurry
    command += flags
    with log_file.open("w") as log:
        return subprocess.Popen(command, stderr=log, text=True)


def addresses(log: Path, process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the addresses that a collector announced."""

    def announced() -> dict[str, str]:
        text = log.read_text()
        assert process.poll() is None, text
        line = next((line for line in text.splitlines() if "listening: " in line), "")
        return dict(part.split(" on ") for part in line.partition("listening: ")[2].split(", ") if part)

    found: dict[str, str] = wait_for(announced, START)
    return found


@contextlib.contextmanager
def collector(data_dir: Path, *flags: str, ready: bool = True, prelude: str = "") -> Iterator[CollectorProcess]:
    """Run a collector until the block ends."""
    log = data_dir.with_suffix(".log")
    process = launch(data_dir, log, *flags, prelude=prelude)
    try:
        found = addresses(log, process)
        running = CollectorProcess(process, found["OTLP"], found["OTLP/gRPC"], found.get("ClickHouse", ""), log)
        path = "/readyz" if ready else "/healthz"
        wait_for(lambda: httpx.get(running.otlp + path, verify=PLAIN).status_code == 200, START)
        yield running
    finally:
        process.kill()
        process.wait()
