"""A runner as a process of its own, which can be killed."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.runner import PATIENCE, Runner, eventually


@contextlib.contextmanager
def process(data: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], Runner]]:
    """Run a runner on a free port until the block ends."""
    folder = data / "pipelines"
    folder.mkdir(exist_ok=True)
    log = data / "runner.log"
    command = [sys.executable, "-m", "quarterdeck_runner", "--runner-port", "0", "--data-dir", str(data)]
    env = {**os.environ, **environment, "QUARTERDECK_ENDPOINT": ""}
    with log.open("w") as stderr:
        running = subprocess.Popen([*command, "--pipelines", str(folder)], stderr=stderr, text=True, env=env)
    try:

        def address() -> str:
            assert running.poll() is None, log.read_text()
            found = re.search(r"listening: (http://\S+)", log.read_text())
            return found[1] if found else ""

        with httpx.Client(base_url=eventually(address), timeout=PATIENCE) as http:
            yield running, Runner(http, folder, data, InMemorySpanExporter())
    finally:
        running.kill()
        running.wait()
