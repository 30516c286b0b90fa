"""What instrumentation adds to a streamed answer: time per chunk and time to the first one, against the bare client.

The stand-in, in a process of its own, sends 200 chunks a second. Bare and observed streams take turns in this process,
which sends its spans and live events to a collector. Wall time per chunk is the pace of the stream, so the processor
time that this process takes for a chunk is told as well, all its threads together, as a share of the 5 ms between two.
The promise is at most 3 % of that.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import httpx
from google import genai
from google.genai import types

import quarterdeck as qd
from quarterdeck import providers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.collectors import collector, wait_for
from support.deck import free_ports

EVERY_S = 1 / 200
PROMISE = 0.03
CHUNKS = 300
SHORT_STREAMS = 40
KINDS = (
    "time to first chunk, ms",
    "wall time per chunk, µs",
    "reader's processor time per chunk, µs",
    "all threads' processor time per chunk, µs",
)
Ask = Callable[[str], Iterator[object]]


@contextlib.contextmanager
def stand_in() -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "quarterdeck_runner.demo.provider", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: httpx.get(url).status_code)
        yield url
    finally:
        process.terminate()
        process.wait()


def claude(url: str, *, observed: bool) -> Ask:
    client = anthropic.Anthropic(api_key="k", base_url=url, open_telemetry=None if observed else False)

    def ask(prompt: str) -> Iterator[object]:
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": prompt}]
        stream = client.messages.create(model="claude-opus-5-5", max_tokens=2 * CHUNKS, messages=messages, stream=True)
        return (event for event in stream if event.type == "content_block_delta")

    return ask


def gemini(url: str, *, observed: bool) -> Ask:  # noqa: ARG001 - the SDK makes no spans of its own
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    return lambda prompt: client.models.generate_content_stream(model="gemini-3.8-flash", contents=prompt)


def first_ms(ask: Ask) -> float:
    """Milliseconds to the first chunk, the median of many short streams."""
    found = []
    for _ in range(SHORT_STREAMS):
        began = time.perf_counter()
        chunks = ask("[[n:2]]")
        next(chunks)
        found.append(time.perf_counter() - began)
        for _ in chunks:
            pass
    return statistics.median(found) * 1e3


def per_chunk_us(ask: Ask) -> tuple[float, float, float]:
    """Microseconds for each chunk of a long stream after the first: of wall, this thread's and all threads' time."""
    chunks = ask(f"[[n:{CHUNKS}]] [[delay:{EVERY_S}]]")
    next(chunks)
    clocks = (time.perf_counter, time.thread_time, time.process_time)
    began = [clock() for clock in clocks]
    count = sum(1 for _ in chunks)
    wall, thread, process = ((clock() - then) / count * 1e6 for clock, then in zip(clocks, began, strict=True))
    return wall, thread, process


def compare(make: Callable[..., Ask], url: str, rounds: int) -> Iterator[tuple[str, float, float]]:
    """What is measured, bare and observed."""
    found: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    clients = {observed: make(url, observed=observed) for observed in found}
    for _ in range(rounds + 1):
        for observed, ask in clients.items():
            (providers.instrument if observed else providers.uninstrument)()
            with qd.step("stream"):
                found[observed].append((first_ms(ask), *per_chunk_us(ask)))
    for number, what in enumerate(KINDS):
        bare, observed_ = (statistics.median(each[number] for each in found[key][1:]) for key in (False, True))
        yield what, bare, observed_


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data") as home, stand_in() as url:
        qd.init(home.otlp)
        worst = 0.0
        for name, make in (("Claude", claude), ("Gemini", gemini)):
            providers.instrument()  # before the client is made
            for what, bare, observed in compare(make, url, rounds):
                print(f"{name}: {what}: bare {bare:.1f}, observed {observed:.1f}, ratio {observed / bare:.3f}")
            worst = max(worst, (observed - bare) / 1e6 / EVERY_S)  # of all threads
        print(f"adds at most {worst:.1%} of the time per chunk at 200 chunks/s (promise: at most {PROMISE:.0%})")
        qd.shutdown()
    sys.exit(worst > PROMISE)


if __name__ == "__main__":
    main()
