"""Milliseconds of every query that a page runs, on a history of runs, against the same on otel_traces alone.

The history (10 days, 20 spans a run) is made once in ``--store`` and goes on to now at every later run. 20 million
spans, for which the promises are made, take some 15 minutes to load and 16 GB of disk::

    python benchmarks/queries.py --spans 20000000 --store /somewhere/history

The baseline answers from the columns that the OpenTelemetry Collector's exporter has: no derived tables, no hour of the
sort key, attributes out of their map. Also printed: bytes on disk per span, by column and by table.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab import disk
from lab.asker import PAGE_MS, Asker, Question, Sample, Way
from lab.history import DATABASE, RARE_WORD, bring_up_to_now, vocabulary
from lab.measure import cpu_seconds, percentile, say
from lab.questions import BY_HAND, PAGES, searches
from quarterdeck_ui import queries
from support.collectors import collector

WARM_UP = 3
BASELINE_ROUNDS = 3
SLOW_MS = 5000
QUERY_MAX_S = 600
COMMON = (150, 250)
"""Ranks of two words that a few prompts in a hundred hold both of."""


HEAD = """\
                                 p50     p95  bound   p95/     CPU baseline baseline/
                                  ms      ms     ms  bound  ms/ask   p50 ms      ours"""
FILE_HEAD = f"""
Each file of ui/queries for itself, of which p95 is below {PAGE_MS} ms on a machine that does nothing else
                          asked      p50      p95  CPU p50  CPU p95   p95 /
                          times       ms       ms       ms       ms   bound"""


def timed(way: Way, asker: Asker, samples: list[Sample]) -> list[float]:
    """Milliseconds of each asking."""
    found = []
    for sample in samples:
        began = time.perf_counter()
        way(asker, sample)
        found.append((time.perf_counter() - began) * 1000)
    return found


def baseline_times(way: Way, asker: Asker, samples: list[Sample]) -> list[float]:
    """Milliseconds of a few askings after a first one, or of that one alone if it took seconds."""
    first = timed(way, asker, samples[:1])
    return first if first[0] > SLOW_MS else timed(way, asker, samples[1 : 1 + BASELINE_ROUNDS])


def line(question: Question, asker: Asker, samples: list[Sample], pid: int) -> str:
    """Time one question and its baseline; the CPU is the collector's, which other programs disturb less."""
    timed(question.ask, asker, samples[:WARM_UP])
    asker.store.noting = True
    before = cpu_seconds(pid)
    ours = timed(question.ask, asker, samples[WARM_UP:])
    cpu = (cpu_seconds(pid) - before) * 1000 / len(ours)
    asker.store.noting = False
    text = f"{question.name:<28}{percentile(ours, 0.5):8.1f}{percentile(ours, 0.95):8.1f}"
    text += f"{question.bound_ms:7}{percentile(ours, 0.95) / question.bound_ms:7.2f}" if question.bound_ms else " " * 14
    text += f"{cpu:8.1f}"
    if question.baseline:
        theirs = percentile(baseline_times(question.baseline, asker, samples), 0.5)
        text += f"{theirs:9.1f}{theirs / percentile(ours, 0.5):10.1f}"
    return text


def each_file(asker: Asker, most: int, pid: int) -> str:
    """Ask once more what the pages have asked, one question at a time, and sum up by file of ``ui/queries``."""
    files = sorted(path.stem for path in Path(str(resources.files(queries))).glob("*.sql"))
    lines = [FILE_HEAD]
    for file in files:
        noted = [asked for asked in asker.store.asked if asked.file == file]
        chosen = random.Random(7).sample(noted, min(most, len(noted)))  # noqa: S311 - a choice, no secret
        walls, cpus = [], []
        for asked in chosen:
            began, before = time.perf_counter(), cpu_seconds(pid)
            asker.store.ask(asked.file, **asked.parameters)
            walls.append((time.perf_counter() - began) * 1000)
            cpus.append((cpu_seconds(pid) - before) * 1000)
        if not walls:
            lines.append(f"{file:<24}  never")
            continue
        text = "".join(f"{percentile(each, share):9.1f}" for each in (walls, cpus) for share in (0.5, 0.95))
        lines.append(f"{file:<24}{len(noted):7}{text}{percentile(walls, 0.95) / PAGE_MS:8.2f}")
    return "\n".join(lines)


def report(asker: Asker, rounds: int, pid: int, *, payload_search: bool) -> None:
    """Print the table of times, then that of bytes."""
    words = vocabulary()
    samples = asker.samples(WARM_UP + rounds)
    print(HEAD)
    for question in (*PAGES, *BY_HAND):
        print(line(question, asker, samples, pid), flush=True)
    if payload_search:
        for question in searches(RARE_WORD, (words[COMMON[0]], words[COMMON[1]])):
            print(line(question, asker, samples[: WARM_UP + max(1, rounds // 3)], pid), flush=True)
    print(each_file(asker, 10 * rounds, pid))
    print(disk.report(asker))


def main() -> None:
    """Build, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=300_000, help="size of a new history")
    parser.add_argument("--days", type=int, default=10, help="time that it covers")
    parser.add_argument("--store", type=Path, help="folder of the history, kept; without it one is made and removed")
    parser.add_argument("--rounds", type=int, default=30, help="times that each question is asked")
    parser.add_argument("--payload-search", action=argparse.BooleanOptionalAction, default=True, help="with full text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder: Path = options.store or Path(made) / "history"
        history = bring_up_to_now(folder, options.spans, options.days, payload_search=options.payload_search)
        with collector(folder, "--query-max-seconds", str(QUERY_MAX_S)) as running:
            asker = Asker(running.clickhouse, DATABASE)
            spans = int(asker.value("SELECT count() FROM otel_traces"))
            print(f"{spans:,} spans in {history.made:,} runs, load average {os.getloadavg()[0]:.1f}")
            report(asker, options.rounds, running.process.pid, payload_search=options.payload_search)
            say(f"load average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
