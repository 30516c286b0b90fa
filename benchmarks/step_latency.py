"""Milliseconds from posting a step's start to its row over the ClickHouse interface, under load and without.

The start of a step goes to the collector as a live event, at uneven distances; a reader asks ``live_events`` every 5 ms
until the row is there. The load is finished spans, in requests of 50 at even distances, through the durable path and
all its tables. The clock starts before the POST; the ratio says what the load costs.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import otlp
from support.collectors import CollectorProcess, collector
from support.scenario import Run

SPANS_PER_REQUEST = 50
PROMPT_WORDS = 300
STEP_EVERY_S = (0.1, 0.7)
LOOK_EVERY_S = 0.005
PATIENCE_S = 20
QUERY = "SELECT count() FROM live_events WHERE EventName = 'quarterdeck.step.started' AND SpanId = {id:String}"


def requests(count: int) -> list[bytes]:
    """Make requests of model calls with prompts of 2 KB."""
    chance = random.Random(1)  # noqa: S311 - a load, no secret
    words = [f"{chr(97 + n % 26)}{n:x}" for n in range(4_000)]

    def span(trace: bytes) -> dict[str, object]:
        attributes = {
            "quarterdeck.run.id": trace.hex(),
            "quarterdeck.pipeline.name": "load",
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": chance.randrange(4_000),
            "gen_ai.input.messages": " ".join(chance.choices(words, k=PROMPT_WORDS)),
        }
        return {"trace_id": trace, "attributes": attributes}

    traces = (otlp.new_trace_id() for _ in range(count))
    return [otlp.traces(*(span(trace) for _ in range(SPANS_PER_REQUEST))).SerializeToString() for trace in traces]


@contextlib.contextmanager
def load(home: CollectorProcess, spans_per_second: int, seconds: float) -> Iterator[None]:
    """Send spans evenly, in the background, until the block ends."""
    pause = SPANS_PER_REQUEST / spans_per_second
    bodies = requests(int(seconds / pause))
    over = threading.Event()

    def send() -> None:
        with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=PATIENCE_S) as http:
            began = time.monotonic()
            for number, body in enumerate(bodies):
                if over.wait(max(0.0, began + number * pause - time.monotonic())):
                    return
                http.post(f"{home.otlp}/v1/traces", content=body).raise_for_status()
        raise SystemExit("the load ended before the measurement")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def measure(home: CollectorProcess, samples: int) -> list[float]:
    """Milliseconds of each step."""
    run, found = Run(home.otlp, "latency", steps=samples), []
    chance = random.Random(2)  # noqa: S311 - distances, no secret
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as http:
        for number in range(samples):
            began = time.monotonic()
            step = run.step(f"step {number}", number + 1)
            while http.post(home.clickhouse, params={"param_id": step.id.hex()}, content=QUERY).text.strip() != "1":
                if time.monotonic() > began + PATIENCE_S:
                    raise SystemExit("a step never arrived")
                time.sleep(LOOK_EVERY_S)
            found.append((time.monotonic() - began) * 1000)
            time.sleep(chance.uniform(*STEP_EVERY_S))
    return found


def show(title: str, values: list[float]) -> tuple[float, float]:
    """Print and give the median and the 95th percentile."""
    half, most = (sorted(values)[int(len(values) * share)] for share in (0.5, 0.95))
    print(f"{title:<28} p50 {half:6.1f} ms   p95 {most:6.1f} ms   max {max(values):6.1f} ms")
    return half, most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=80, help="steps on each side")
    parser.add_argument("--spans", type=int, default=1_000, help="spans a second of the load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data") as home:
        measure(home, 10)
        quiet = show("without load", measure(home, options.samples))
        with load(home, options.spans, options.samples * STEP_EVERY_S[1] * 2):
            time.sleep(2)
            busy = show(f"with {options.spans} spans/s", measure(home, options.samples))
        print(f"{'ratio':<28} p50 {busy[0] / quiet[0]:6.2f}      p95 {busy[1] / quiet[1]:6.2f}", end="")
        print(f"      load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
