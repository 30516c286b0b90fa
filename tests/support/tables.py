"""The tables of a collector that has started before.

To make them takes two seconds of work and a hundred waits for the disk, to copy them nothing; each test gets its own.
"""

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import quarterdeck_collector

_STORE = "store"


def laid_out(data_dir: Path, first_start: Callable[[Path], None]) -> None:
    """Give a data directory that is not there yet the tables that a first start makes.

    Args:
        data_dir: Where to put them.
        first_start: Has a collector start in a data directory for the first time, and end.
    """
    if not data_dir.exists():
        shutil.copytree(_made(first_start), data_dir / _STORE, symlinks=True)


@functools.cache
def _made(first_start: Callable[[Path], None]) -> Path:
    """Tables made by this very code, in this run of the suite or in one before."""
    folder = Path(tempfile.gettempdir()) / f"quarterdeck-tables-{os.getuid()}-{_fingerprint()}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="quarterdeck-tables-") as draft:
            first_start(Path(draft) / "data")
            _move(Path(draft) / "data" / _STORE, folder)
    return folder


def _move(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        assert folder.exists()  # another process was faster


def _fingerprint() -> str:
    """What the tables and their first rows depend on: the collector's files, the engine and the prices."""
    seen = hashlib.sha256(f"{version('chdb')} {version('genai-prices')}".encode())
    root = Path(quarterdeck_collector.__file__).parent
    for path in sorted(path for path in root.rglob("*") if path.suffix in {".py", ".sql", ".proto"}):
        seen.update(path.read_bytes())
    return seen.hexdigest()[:16]
