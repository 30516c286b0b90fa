"""A batch of 1,000 items at concurrency 20 beside plain asyncio that asks the same questions, and the memory it takes.

Both ask the provider stand-in through the official client; an answer takes about as long as the options say. The batch
runs in a runner of its own, which keeps every item, step and call; plain asyncio keeps nothing. The memory is that of
the runner's process: before the batch, and its highest during it.
"""

import argparse
import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PATIENCE_S = 3600
PIPELINE = """
workflow:
  name: bench
  inputs: {number: {type: integer}}
  steps:
    - {name: ask, type: claude, model: haiku, prompt: "[[n:20]][[ttft:%s]] question {{ inputs.number }}"}
"""


@contextlib.contextmanager
def program(module: str, arguments: list[str], log: Path, environment: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Run one of our programs until the block ends; give its process id and URL."""
    with log.open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        while not (found := re.search(r"(http://127\S+)", log.read_text())):
            if running.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        yield running.pid, found[1].rstrip("/.,")
    finally:
        running.terminate()
        running.wait()


def status(pid: int, key: str) -> float:
    """A value of the process in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"{key}:\s+(\d+) kB", text)[0]) / 1000


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def plain(url: str, items: int, at_once: int, ttft: float) -> float:
    """Seconds that plain asyncio takes."""
    import anthropic

    client = anthropic.AsyncAnthropic(api_key="key", base_url=url)
    free = asyncio.Semaphore(at_once)

    async def ask(number: int) -> str:
        prompt = f"[[n:20]][[ttft:{ttft}]] question {number}"
        messages: Any = [{"role": "user", "content": prompt}]
        async with free, client.messages.stream(model="claude-haiku-5-5", max_tokens=99, messages=messages) as stream:
            return await stream.get_final_text()

    await ask(0)
    began = time.monotonic()
    await asyncio.gather(*(ask(number) for number in range(items)))
    return time.monotonic() - began


def batch(runner: str, items: int, at_once: int) -> float:
    """Seconds that the batch takes."""
    with httpx.Client(base_url=runner, timeout=60) as http:
        rows = [{"number": number} for number in range(items)]
        began = time.monotonic()
        answer = http.post("/v1/batches", json={"pipeline": "bench", "items": rows, "concurrency": at_once})
        answer.raise_for_status()
        path = f"/v1/batches/{answer.json()['id']}"
        while (found := http.get(path).json())["status"] != "completed":
            if time.monotonic() - began > PATIENCE_S:
                raise SystemExit(f"the batch does not end: {found}")
            time.sleep(0.2)
        if found["items"]["completed"] != items:
            raise SystemExit(f"items failed: {found}")
        return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--ttft", type=float, default=1.0, help="seconds until an answer begins")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        data = Path(name)
        (data / "bench.yaml").write_text(PIPELINE % options.ttft)
        stand_in = ["--port", "0"]
        _, models = stack.enter_context(
            program("quarterdeck_runner.demo.provider", stand_in, data / "models.log", {"PYTHONUNBUFFERED": "1"})
        )
        keys = {"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": models, "QUARTERDECK_ENDPOINT": ""}
        arguments = ["--runner-port", "0", "--data-dir", name, "--pipelines", name]
        pid, url = stack.enter_context(program("quarterdeck_runner", arguments, data / "runner.log", keys))
        bare = asyncio.run(plain(models, options.items, options.concurrency, options.ttft))
        batch(url, options.concurrency, options.concurrency)  # imports and connections
        before, began = status(pid, "VmRSS"), cpu_s(pid)
        took = batch(url, options.items, options.concurrency)
        spent, most = (cpu_s(pid) - began) / options.items * 1000, status(pid, "VmHWM")
        print(f"plain asyncio  {bare:6.1f} s   {options.items / bare:6.1f} items/s")
        print(f"batch          {took:6.1f} s   {options.items / took:6.1f} items/s   {spent:.1f} ms of CPU an item")
        print(f"ratio          {took / bare:6.2f}      memory {before:.0f} MB before, {most:.0f} MB at most", end="")
        print(f"      load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
