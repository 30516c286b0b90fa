"""Runs per second and added milliseconds per step of the durable engine, against the same steps in plain asyncio.

A run has five steps that ask nobody. The baseline executes the same pipeline by the same interpreter, traced the same,
without a queue and without a database. Runs at once: 20; for the latency one after the other.
"""

import argparse
import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import quarterdeck as qd
from quarterdeck_runner.engine import Engine
from quarterdeck_runner.execution import Execution
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.rows import new_row
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step
from quarterdeck_runner.validate import validate

STEPS = 5
AT_ONCE = 20
LOOK_S = 0.02
SOURCE = "name: speed\nsteps:\n" + "".join(f"  - {{name: s{n}, type: echo, value: '{n}'}}\n" for n in range(STEPS))


async def durable(folder: Path, runs: int, one_by_one: int) -> tuple[float, float]:
    """Seconds of all runs at once, and of the median run alone."""
    pipeline = validate(SOURCE, folder / "speed.yaml").pipeline
    engine = Engine(f"sqlite:///{folder / 'runs.sqlite'}", folder / "outputs", AT_ONCE, Providers())
    async with engine.running():

        async def ended(ids: list[str]) -> None:
            while ids:
                ids = [run_id for run_id in ids if (await engine.get(run_id)).status not in {"completed", "failed"}]
                await asyncio.sleep(LOOK_S)

        await ended([(await engine.start(pipeline, SOURCE, {})).id])
        alone = []
        for _ in range(one_by_one):
            run_id = (await engine.start(pipeline, SOURCE, {})).id
            await ended([run_id])
            row = await engine.get(run_id)
            alone.append((row.completed_ns - row.started_ns) / 1e9)
        began = time.perf_counter()
        rows = [await engine.start(pipeline, SOURCE, {}) for _ in range(runs)]
        last = rows[-1].id
        await ended([last])
        await ended([row.id for row in rows])
        return time.perf_counter() - began, sorted(alone)[len(alone) // 2]


async def plain(folder: Path, runs: int, one_by_one: int) -> tuple[float, float]:
    """The same without the engine."""
    pipeline = validate(SOURCE, folder / "speed.yaml").pipeline
    places = asyncio.Semaphore(AT_ONCE)

    async def at_once(_step: Step, _number: int, work: Callable[[], Awaitable[Record]]) -> Record:
        return await work()

    async def run() -> float:
        async with places:
            began = time.perf_counter()
            row = new_row(pipeline, SOURCE, {})
            outcome = await Execution(row, pipeline, Providers(), folder / "outputs").run(at_once)
            if outcome.status != "completed":
                raise SystemExit(outcome.error)
            return time.perf_counter() - began

    await run()
    alone = [await run() for _ in range(one_by_one)]
    began = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(runs)))
    return time.perf_counter() - began, sorted(alone)[len(alone) // 2]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="runs at once")
    parser.add_argument("--alone", type=int, default=40, help="runs one after the other")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    qd.init(endpoint="", runner_url="")
    with tempfile.TemporaryDirectory() as folder:
        base, base_alone = asyncio.run(plain(Path(folder), options.runs, options.alone))
        whole, alone = asyncio.run(durable(Path(folder), options.runs, options.alone))
    qd.shutdown()
    print(f"plain asyncio   {options.runs / base:8.0f} runs/s   {base_alone / STEPS * 1e3:6.2f} ms a step alone")
    print(f"durable engine  {options.runs / whole:8.0f} runs/s   {alone / STEPS * 1e3:6.2f} ms a step alone")
    added = (alone - base_alone) / STEPS * 1e3
    print(f"ratio           {base / whole:8.3f}          + {added:6.2f} ms a step     load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
