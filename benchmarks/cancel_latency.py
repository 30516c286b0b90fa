"""Milliseconds from asking for the cancellation of a run until it has ended, over REST.

The runs stream an answer from the provider stand-in, or are Python programs that sleep between short steps. The answer
to the request comes when nothing of the run is left. Baseline: reading the same run over the same connection.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from quarterdeck_runner.demo.provider import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from support.runner import Runner, process
from support.servers import serve

STREAM = """
workflow:
  name: stream
  steps: [{name: talk, type: claude, prompt: "[[n:30000]][[delay:0.02]]"}]
"""
PROGRAM = """
import time
import quarterdeck as qd

@qd.step
def tick(): time.sleep(0.02)

@qd.pipeline
def program():
    while True: tick()
"""


def measure(runner: Runner, pipeline: str, step: str, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of cancellations and of reads."""
    cancels, reads = [], []
    for _ in range(count):
        run_id = runner.start(pipeline)
        runner.until(run_id, current_step=step)
        began = time.perf_counter()
        runner.run(run_id)
        reads.append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        answer = runner.tell(run_id, "cancel").json()
        cancels.append((time.perf_counter() - began) * 1e3)
        if answer["status"] != "cancelled":
            raise SystemExit(str(answer))
    return cancels, reads


def show(title: str, values: list[float]) -> float:
    """Print median and 95th percentile and give the latter."""
    most = sorted(values)[int(len(values) * 0.95)]
    print(f"{title:<34} p50 {statistics.median(values):7.1f} ms   p95 {most:7.1f} ms   max {max(values):7.1f} ms")
    return most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="cancellations of each kind")
    options = parser.parse_args()
    stand_in = create_app(StandInSettings(tokens_per_second=100_000, ttft=0))
    with tempfile.TemporaryDirectory() as folder, serve(stand_in) as provider:
        (Path(folder) / "program_of_benchmark.py").write_text(PROGRAM)
        path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
        keys = {"ANTHROPIC_BASE_URL": provider, "ANTHROPIC_API_KEY": "key", "PYTHONPATH": path}
        with process(Path(folder), keys, "--module", "program_of_benchmark") as (_, runner):
            name = runner.pipeline(STREAM)
            measure(runner, name, "talk", 2)
            streams, reads = measure(runner, name, "talk", options.count)
            programs, _ = measure(runner, "program", "tick", options.count)
    base = show("reading the run (baseline)", reads)
    stream = show("cancel a streaming model call", streams)
    program = show("cancel a Python program", programs)
    print(f"{'ratio of p95':<34} {stream / base:.1f} and {program / base:.1f}   load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
