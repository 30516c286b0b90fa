"""A program as users write it: decorated runs until SIGTERM; prints each run's trace and how many spans it has.

Arguments: the collector's address, and the folder where telemetry waits while it is away.
"""

import signal
import sys
import threading

from opentelemetry import trace

import quarterdeck as qd

_PAUSE_S = 0.1
_STEPS = 4


@qd.step
def measure(words: str) -> int:
    """Do a little."""
    return len(words.split())


@qd.pipeline
def soaked(number: int) -> str:
    """Run some steps and give the trace that they are in."""
    for step in range(number % _STEPS):
        measure("a word " * step)
    return format(trace.get_current_span().get_span_context().trace_id, "032x")


def main() -> int:
    """Run until told to end, then send what is left."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    qd.init(sys.argv[1], service_name="soak", buffer=sys.argv[2])
    number = 0
    while not over.wait(_PAUSE_S):
        print(soaked(number), 1 + number % _STEPS, flush=True)
        number += 1
    delivered = qd.flush(60)
    qd.shutdown()
    return 0 if delivered else 3


if __name__ == "__main__":
    sys.exit(main())
