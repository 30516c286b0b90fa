"""A runner as its clients see it."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import quarterdeck as qd
from quarterdeck.otlp_target import bearer
from quarterdeck_runner.validate import Validated, validate

PATIENCE = 90.0
ENDED = ("completed", "failed", "cancelled")


def eventually(what: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """Ask until the answer is true, and give it."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return answer


@dataclass
class Runner:
    """A runner as its clients see it."""

    http: httpx.Client
    folder: Path
    data: Path
    exporter: InMemorySpanExporter
    app: Any = None

    def pipeline(self, text: str, name: str = "") -> str:
        """Put a pipeline into the folder and give its name."""
        found = read(text).pipeline.name
        (self.folder / f"{name or found}.yaml").write_text(text)
        return found

    def start(self, pipeline: str, **inputs: Any) -> str:
        """Start a run and give its id."""
        answer = self.http.post("/v1/runs", json={"pipeline": pipeline, "inputs": inputs})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Read a run."""
        found: dict[str, Any] = self.http.get(f"/v1/runs/{run_id}").json()
        return found

    def tell(self, run_id: str, command: str) -> httpx.Response:
        """Pause, resume or cancel a run."""
        return self.http.post(f"/v1/runs/{run_id}/{command}")

    def until(self, run_id: str, **wanted: Any) -> dict[str, Any]:
        """Wait until fields of a run have values."""

        def fits() -> dict[str, Any] | None:
            run = self.run(run_id)
            assert run["status"] not in ENDED or wanted.get("status") == run["status"], run
            return run if all(run[key] == value for key, value in wanted.items()) else None

        found: dict[str, Any] = eventually(fits)
        return found

    def result(self, run_id: str) -> dict[str, Any]:
        """Wait until a run has ended."""
        found: dict[str, Any] = eventually(lambda: (run := self.run(run_id))["status"] in ENDED and run)
        return found

    def spans(self, run: dict[str, Any], expected: int) -> list[ReadableSpan]:
        """The spans of a run, in the order of their ends, once so many are there."""

        def found() -> list[ReadableSpan]:
            qd.flush()
            trace = int(run["trace_id"], 16)
            return [span for span in self.exporter.get_finished_spans() if span.context.trace_id == trace]

        eventually(lambda: len(found()) >= expected)
        return found()


@contextlib.contextmanager
def process(
    data: Path, environment: dict[str, str], *flags: str, token: str = ""
) -> Iterator[tuple[subprocess.Popen[str], Runner]]:
    """Run a runner on a free port until the block ends; its environment may name a collector."""
    folder = data / "pipelines"
    folder.mkdir(exist_ok=True)
    log = data / "runner.log"
    command = [sys.executable, "-m", "quarterdeck_runner", "--runner-port", "0", "--data-dir", str(data)]
    env = {**os.environ, "QUARTERDECK_ENDPOINT": "", **environment}
    with log.open("w") as stderr:
        running = subprocess.Popen([*command, "--pipelines", str(folder), *flags], stderr=stderr, text=True, env=env)
    try:

        def address() -> str:
            assert running.poll() is None, log.read_text()
            found = re.search(r"listening: (http://\S+)", log.read_text())
            return found[1] if found else ""

        with httpx.Client(base_url=eventually(address), timeout=PATIENCE, headers=bearer(token)) as http:
            yield running, Runner(http, folder, data, InMemorySpanExporter())
    finally:
        running.kill()
        running.wait()


def read(text: str, file: str = "test.yaml") -> Validated:
    """Read a pipeline that is in no file."""
    return validate(text, Path(file))
