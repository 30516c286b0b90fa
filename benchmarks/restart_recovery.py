"""Seconds from starting the runner after kill -9 with 1,000 queued runs, until it answers, and until it works again.

20 runs are in the middle of a streamed answer, the others wait. Baseline: the same start with an empty database.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from quarterdeck_runner.demo.provider import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from support.runner import eventually, process
from support.servers import serve

PIPELINE = """
workflow:
  name: queued
  steps: [{name: talk, type: claude, prompt: "[[n:30000]][[delay:0.02]]"}]
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="runs in the queue")
    options = parser.parse_args()
    stand_in = create_app(StandInSettings(tokens_per_second=100_000, ttft=0))
    with tempfile.TemporaryDirectory() as folder, serve(stand_in) as provider:
        keys = {"ANTHROPIC_BASE_URL": provider, "ANTHROPIC_API_KEY": "key"}
        began = time.perf_counter()
        with process(Path(folder), keys) as (running, runner):
            empty = time.perf_counter() - began
            ids = {runner.start(runner.pipeline(PIPELINE))}
            eventually(lambda: _asked(provider))
            first = time.perf_counter() - began
            began = time.perf_counter()
            ids |= {runner.start("queued") for _ in range(options.runs - 1)}
            print(f"{options.runs} runs taken in {time.perf_counter() - began:.1f} s")
            asked = eventually(lambda: _asked(provider))
            running.send_signal(signal.SIGKILL)
            running.wait()
        began = time.perf_counter()
        with process(Path(folder), keys) as (_, runner):
            answers = time.perf_counter() - began
            eventually(lambda: _asked(provider) > asked)
            works = time.perf_counter() - began
            found = runner.http.get("/v1/runs", params={"status": "active", "limit": options.runs}).json()["runs"]
            lost = ids - {run["id"] for run in found}
    print(
        f"empty database (baseline)   answers after {empty:5.2f} s, asks a model for a first run after {first:5.2f} s"
    )
    print(
        f"{options.runs} queued runs            answers after {answers:5.2f} s, asks a model again after {works:5.2f} s"
    )
    print(
        f"lost runs {len(lost)}   ratios {answers / empty:.2f} and {works / first:.2f}   load {os.getloadavg()[0]:.1f}"
    )


def _asked(provider: str) -> int:
    return len(httpx.get(f"{provider}/__requests").json())


if __name__ == "__main__":
    main()
