"""Makes a history for a collector that does not run: ``python -m support.past DATA-DIR --calls 1000000``."""

import argparse
from pathlib import Path

from support.past.facts import FACTS
from support.past.make import DAYS, SUITE_CALLS, make


def main() -> None:
    """Make a history as the command line says."""
    parser = argparse.ArgumentParser(prog="support.past", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=SUITE_CALLS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--until", type=float, help="seconds since the epoch; by default now")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--plant", nargs="*", choices=FACTS, default=(), metavar="FACT", help=", ".join(FACTS))
    asked = parser.parse_args()
    make(asked.folder, calls=asked.calls, days=asked.days, facts=asked.plant, until=asked.until, seed=asked.seed)


if __name__ == "__main__":
    main()
