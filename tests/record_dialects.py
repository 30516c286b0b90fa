"""Record what real libraries export of their calls to the provider stand-in: ``python tests/record_dialects.py``.

Run by hand, from the folder of the project, when a library has a new dialect::

    PYTHONPATH=runner:tests python tests/record_dialects.py --environments /tmp/dialects [NAME …]

Every library runs in an environment of its own, made on first use with the versions of ``ENVIRONMENTS``. Written is,
per dialect and case, under ``tests/collector/dialects``:

- ``CASE.otlp.gz``: the ``ExportTraceServiceRequest`` as the library sent it, byte for byte,
- ``CASE.json``: the provider's own answers with their usage blocks, which is what the collector must make of the spans.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from quarterdeck_runner.demo.provider import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from recording.environments import Environment, environment_of
from recording.listener import Listener
from support.servers import serve

ROOT = Path(__file__).parent
TARGET = ROOT / "collector" / "dialects"


def main() -> int:
    """Record the dialects named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True, help="folder for the libraries' environments")
    parser.add_argument("names", nargs="*", metavar="NAME", help="dialects to record; default: all")
    arguments = parser.parse_args()
    folder = arguments.environments.resolve()
    shutil.copytree(ROOT / "recording", folder / "program" / "recording", dirs_exist_ok=True)
    known = environment_of(ROOT.parent)
    for name in arguments.names or known:
        record(name, known[name], folder)
    return 0


def record(name: str, environment: Environment, folder: Path) -> None:
    """Run one dialect and write its cases anew.

    Args:
        name: the dialect.
        environment: what it runs in.
        folder: where environments and the program live.
    """
    listener = Listener(create_app(StandInSettings(tokens_per_second=100_000, ttft=0)))
    environment.make(folder)
    with serve(listener.app()) as url, tempfile.TemporaryDirectory() as home:
        command = environment.command(folder, name, url)
        settings = {"PATH": os.environ["PATH"], "HOME": home, **environment.settings(folder, name)}
        subprocess.run(command, env=settings, cwd=folder / "program", check=True, timeout=300)
    target = TARGET / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for case, (spans, calls) in listener.cases.items():
        if not spans:
            sys.stderr.write(f"{name}/{case}: no spans\n")
            continue
        _refuse_traces_of_the_machine(name, case, spans)
        (target / f"{case}.otlp.gz").write_bytes(gzip.compress(spans, 9, mtime=0))
        (target / f"{case}.json").write_text(json.dumps(calls, indent=1) + "\n")
    sys.stderr.write(f"{name}: {len(listener.cases)} cases\n")


def _refuse_traces_of_the_machine(name: str, case: str, spans: bytes) -> None:
    if str(ROOT.parent).encode() in spans or (b"host.name" in spans and b"recorder" not in spans):
        raise SystemExit(f"{name}/{case} tells where it was recorded")


if __name__ == "__main__":
    sys.exit(main())
