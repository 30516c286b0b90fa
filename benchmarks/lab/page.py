"""Runs the benchmarks and writes one page of what they print: ``artefacts/bench/index.md``, raw output beside it.

Run by ``make bench``; ``make bench ARGS="ingest memory"`` runs those two. Other libraries are measured where a folder
has a virtual environment for each, as ``decorated_call.py`` wants it: ``ARGS="--peers DIR"``; one that is called
``phoenix`` is what ``ingest.py`` compares with. The exit code is 1 when a benchmark fails.
"""

import argparse
import ast
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
OUT: Final = ROOT / "artefacts" / "bench"
_RATIO: Final = re.compile(r"\bratios?\b(.*\d\.\d| +\d)|\d x hand|\d\.\d\dx|\bpromise.*\d")
_MOST_LINES: Final = 15
_LIBRARIES: Final = ("chdb", "opentelemetry-sdk", "fastapi", "streamlit", "dbos")


@dataclass(frozen=True)
class Result:
    """What one benchmark printed."""

    name: str
    claim: str
    command: str
    code: int
    seconds: float
    load: float
    """Of the machine when it began: what else ran makes numbers worse."""
    output: str

    @property
    def ratios(self) -> list[str]:
        """Lines that compare; all where ratios are a column of a table, or nothing says so."""
        lines = [re.sub(r"\s+", " ", line).strip() for line in self.output.splitlines() if line.strip()]
        return [line for line in lines if _RATIO.search(line)] or lines[:_MOST_LINES]


def programs(folder: Path, wanted: Sequence[str] = ()) -> list[Path]:
    """Give the programs of a folder by name, all or those wanted.

    Raises:
        SystemExit: If one that is wanted is not there.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.py")) if '"__main__"' in path.read_text()}
    if unknown := [name for name in wanted if name not in found]:
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[name] for name in wanted or found]


def run(program: Path, out: Path, flags: Sequence[str] = ()) -> Result:
    """Run one and keep what it prints in ``out``, results and words to the person who waits."""
    claim = (ast.get_docstring(ast.parse(program.read_text())) or "").partition("\n\n")[0]
    began, load = time.monotonic(), os.getloadavg()[0]
    words = [sys.executable, str(program), *flags]
    with (out / f"{program.stem}.log").open("w") as log:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=log, text=True, check=False)
    (out / f"{program.stem}.txt").write_text(done.stdout)
    command = " ".join(["python", f"benchmarks/{program.name}", *flags])
    seconds = time.monotonic() - began
    return Result(program.stem, " ".join(claim.split()), command, done.returncode, seconds, load, done.stdout)


def machine() -> dict[str, str]:
    """Say what it is measured on."""
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*: (.*)", described)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _commit() -> str:
    if not (git := shutil.which("git")):
        return "unknown"
    words = [git, "describe", "--always", "--dirty"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def page(where: dict[str, str], results: Iterable[Result]) -> str:
    """Write the page."""
    return "\n".join(_lines(where, list(results))) + "\n"


def _lines(where: dict[str, str], results: list[Result]) -> Iterator[str]:
    yield "# Benchmarks\n"
    yield from (f"- {name}: {value}" for name, value in where.items())
    yield "\n| benchmark | ratios and promises | load | seconds |\n|---|---|---|---|"
    for result in results:
        said = "<br>".join(line.replace("|", "\\|") for line in result.ratios)
        failed = f"**failed with {result.code}**: [log]({result.name}.log)<br>" if result.code else ""
        yield f"| [{result.name}](#{result.name}) | {failed}{said} | {result.load:.1f} | {result.seconds:.0f} |"
    for result in results:
        yield f"\n## {result.name}\n\n{result.claim}\n\n`{result.command}`\n"
        yield f"```text\n{result.output.rstrip()}\n```\n"
        yield f"Raw: [output]({result.name}.txt), [log]({result.name}.log)."


def flags_of(name: str, peers: Path | None) -> list[str]:
    """Give the flags with which a benchmark compares with other libraries."""
    if peers and name == "decorated_call":
        return ["--peers", str(peers)]
    if peers and name == "ingest" and (python := peers / "phoenix" / "bin" / "python").exists():
        return ["--phoenix", str(python)]
    return []


def main() -> int:
    """Run, and write the page anew after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="benchmarks to run, without .py; all unless given")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments of other libraries")
    options = parser.parse_args()
    chosen = programs(ROOT / "benchmarks", options.names)
    OUT.mkdir(parents=True, exist_ok=True)
    where, results = machine(), []
    for program in chosen:
        print(f"== {program.stem}", flush=True)
        result = run(program, OUT, flags_of(program.stem, options.peers))
        results.append(result)
        print(f"FAILED, see {OUT / program.stem}.log" if result.code else result.output.rstrip(), flush=True)
        (OUT / "index.md").write_text(page(where, results))
    print(f"\nwritten: {OUT / 'index.md'}")
    return 1 if any(result.code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
