"""One collector per data directory."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

if os.name == "posix":
    import fcntl


class DirectoryInUseError(Exception):
    """Another process works in this data directory; the message names it."""


@contextlib.contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold ``folder`` until the block ends.

    Args:
        folder: Data directory; made if missing.

    Raises:
        DirectoryInUseError: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "collector.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode() or "unknown"
        raise DirectoryInUseError(
            f"data directory {folder.absolute()} is in use by process {holder}; stop it or choose another with "
            "--data-dir / QUARTERDECK_DATA_DIR"
        ) from None
