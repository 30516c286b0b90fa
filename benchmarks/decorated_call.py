"""Microseconds of CPU that one decorated call adds: a 2 KB prompt in, a 1.5 KB response out, live telemetry on.

Baselines: the bare call, and a span written by hand with the same two JSON attributes, which is the least that anybody
who wants to see the call has to pay. Every subject runs in a process of its own and sends to the same local sink with
OpenTelemetry's own OTLP exporter behind a batch processor. Two costs are told, the median of many rounds each: CPU time
of the calling thread, which is what the program waits for, and CPU time of the whole process until everything is sent,
so that nothing hides on another thread; ours there is for redaction and gzip too, which the span by hand goes without.
Subjects take turns, so that a busy machine hits them alike.

    python benchmarks/decorated_call.py [--peers DIRECTORY]

Decorators of other libraries are measured where they can be imported or, as DIRECTORY/NAME/bin/python, in a virtual
environment of their own, such as ``python -m venv peers/logfire && peers/logfire/bin/pip install logfire``.
"""

import argparse
import http.server
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from decorated_peers import PEERS
from decorated_subjects import HAND, OURS, STEP, Prepared

SPANS: Final = 400
ROUNDS: Final = 12
TURNS: Final = 3


class Cost(NamedTuple):
    """Microseconds of CPU per span."""

    thread: float
    process: float


def cost_of(subject: Prepared) -> Cost:
    """Median over the rounds; the first one warms up."""
    calls = SPANS // subject.spans
    spans = calls * subject.spans
    rounds = []
    for _ in range(ROUNDS + 1):
        thread, process = time.thread_time(), time.process_time()
        for _ in range(calls):
            subject.call()
        thread = time.thread_time() - thread
        subject.flush()
        rounds.append(Cost(thread / spans * 1e6, (time.process_time() - process) / spans * 1e6))
    return middle(rounds[1:])


def middle(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.thread for cost in costs), statistics.median(cost.process for cost in costs))


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes every request and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def sink() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def measured(python: str, subject: str, endpoint: str) -> Cost | None:
    """One turn of a subject in a process of its own; None, and why, if it fails."""
    command = [python, __file__, "--subject", subject, "--endpoint", endpoint]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode:
        print(f"{subject}: {done.stderr.strip().rpartition(chr(10))[2]}", file=sys.stderr)
        return None
    return Cost(*json.loads(done.stdout.strip().rpartition("\n")[2]))


def pythons(peers: Path | None) -> Iterator[tuple[str, str]]:
    """Each subject that can run here and the interpreter that runs it."""
    yield from ((name, sys.executable) for name in OURS)
    for name in PEERS:
        own = None if peers is None else peers / name / "bin" / "python"
        if own is not None and own.exists():
            yield name, str(own)
        elif installed(name):
            yield name, sys.executable
        else:
            print(f"{name}: not installed, skipped")


def installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def report(found: dict[str, list[Cost]]) -> None:
    costs = {name: middle(turns) for name, turns in found.items()}
    hand = costs[HAND]
    print(f"{'µs of CPU per span':<52} {'calling thread':>22} {'whole process':>22}")
    for name, cost in costs.items():
        by_hand = (
            costs.get(name.replace(STEP, HAND), hand) if STEP in name else hand
        )  # the same variant, if there is one
        thread, process = (f"{a:9.1f} {a / b:8.2f} x hand" for a, b in zip(cost, by_hand, strict=True))
        print(f"{name:<52} {thread} {process}")
    print(f"promise: at most 1.0 x the span by hand; measured {costs[STEP].thread / hand.thread:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="directory of virtual environments of other libraries")
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        print(json.dumps(cost_of((OURS | PEERS)[options.subject](options.endpoint))), flush=True)
        return
    subjects = list(pythons(options.peers))
    found: dict[str, list[Cost]] = {}
    with sink() as endpoint:
        for _ in range(TURNS):
            for name, python in subjects:
                cost = measured(python, name, endpoint)
                if cost is not None:
                    found.setdefault(name, []).append(cost)
    report(found)


if __name__ == "__main__":
    main()
