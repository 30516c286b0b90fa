"""Arize Phoenix from PyPI, in an interpreter where it is installed: what it stores is counted, not what it answers."""

import os
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx

from lab.load import Load
from lab.measure import cpu_seconds, say
from lab.sender import send
from support.collectors import wait_for
from support.deck import free_ports

_START_S: Final = 120
_STUCK_S: Final = 30
"""Phoenix answers before it stores: a span that has not come after so long never will."""


def measure(python: Path, load: Load, bodies: Path, connections: int) -> tuple[int, float, float]:
    """Give spans stored, seconds until the last was, and seconds of its CPU."""
    with tempfile.TemporaryDirectory() as folder:
        port, grpc_port = free_ports(2)
        settings = {"PHOENIX_WORKING_DIR": folder, "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc_port)}
        settings |= {"PHOENIX_HOST": "127.0.0.1", "PHOENIX_TELEMETRY_ENABLED": "false"}
        log = Path(folder) / "phoenix.log"
        with log.open("w") as output:
            command = [str(python), "-m", "phoenix.server.main", "serve"]
            process = subprocess.Popen(command, env={**_own_environment(), **settings}, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: httpx.get(f"{url}/healthz").is_success, _START_S)
            before, start = cpu_seconds(process.pid), time.perf_counter()
            sent = send(f"{url}/v1/traces", bodies, connections)
            say(f"phoenix answered all after {time.perf_counter() - start:.1f} s, {sent.retries} times 'later'")
            stored, last = _wait_for_spans(Path(folder) / "phoenix.db", load.spans)
            return stored, last - start, cpu_seconds(process.pid) - before
        finally:
            process.kill()
            process.wait()


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PHOENIX", "OTEL"))}


def _wait_for_spans(database: Path, wanted: int) -> tuple[int, float]:
    stored, last = 0, time.perf_counter()
    while stored < wanted and time.perf_counter() - last < _STUCK_S:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
            now = int(connection.execute("SELECT count(*) FROM spans").fetchone()[0])
        if now > stored:
            stored, last = now, time.perf_counter()
        time.sleep(0.1)
    return stored, last
