"""Megabytes that 100,000 steps leave behind, and that wait at most while no collector listens.

The baseline of each is the same process after its first tenth of the steps, when every cache and queue has its size. A
step carries a prompt of 2 KB, so 100,000 of them are 200 MB, of which nothing may stay.
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from decorated_call import sink

STEPS = 100_000
PROMPT = "Summarise what the crew of the lighthouse wrote down. " * 38
ALLOWED_MB = 20
ALLOWED_AWAY_MB = 250
NOBODY = "http://127.0.0.1:9"


def resident_mb() -> float:
    """Resident memory of this process, as Linux counts it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run_steps(endpoint: str, *, away: bool) -> tuple[float, float]:
    """Memory after a tenth of the steps and after all of them."""
    import quarterdeck as qd

    qd.init(endpoint)

    @qd.step
    def work(prompt: str) -> int:
        return len(prompt)

    baseline = 0.0
    with qd.pipeline("memory"):
        for number in range(1, STEPS + 1):
            work(f"{number}: {PROMPT}")
            if number % 2_000 == 0 and not away:
                qd.flush(30)
            if number == STEPS // 10:
                gc.collect()
                baseline = resident_mb()
    gc.collect()
    return baseline, resident_mb()


def measured(endpoint: str, *options: str, buffer: str = "off") -> tuple[float, float]:
    command = [sys.executable, __file__, "--endpoint", endpoint, *options]
    environment = {**os.environ, "QUARTERDECK_BUFFER_DIR": buffer}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    first, last = done.stdout.split()
    return float(first), float(last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    parser.add_argument("--away", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.endpoint:
        print(*run_steps(options.endpoint, away=options.away))
        return
    with sink() as endpoint:
        first, last = measured(endpoint)
    print(
        f"collector there: {first:.0f} MB, then {last:.0f} MB; ratio {last / first:.2f}; at most {ALLOWED_MB} MB more"
    )
    first, last = measured(NOBODY, "--away")
    print(
        f"collector away, waiting in memory: {first:.0f} MB, then {last:.0f} MB; ratio {last / first:.2f}; "
        f"at most {ALLOWED_AWAY_MB} MB"
    )
    with tempfile.TemporaryDirectory() as folder:
        first, last = measured(NOBODY, "--away", buffer=folder)
        kept = sum(path.stat().st_size for path in Path(folder).rglob("*.otlp")) / 1e6
    print(
        f"collector away, waiting on disk:   {first:.0f} MB, then {last:.0f} MB; ratio {last / first:.2f}; "
        f"{kept:.0f} MB on disk"
    )


if __name__ == "__main__":
    main()
