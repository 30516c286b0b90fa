"""CPU time of ``import quarterdeck`` against ``import opentelemetry.sdk.trace``, each in a fresh process."""

import resource
import statistics
import subprocess
import sys

ROUNDS = 15


def cpu_seconds(statement: str) -> float:
    """User and system time of one interpreter that runs ``statement``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    statements = {"opentelemetry.sdk.trace": "import opentelemetry.sdk.trace", "quarterdeck": "import quarterdeck"}
    times: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(ROUNDS):
        for name, statement in statements.items():
            times[name].append(cpu_seconds(statement))
    for name, values in times.items():
        print(f"import {name:<24} median {statistics.median(values) * 1000:6.0f} ms of CPU")
    base, ours = (statistics.median(times[name]) for name in statements)
    print(f"ratio {ours / base:.2f}, {(ours - base) * 1000:+.0f} ms (promise: below +150 ms)")


if __name__ == "__main__":
    main()
