"""Requests that wait on disk for an endpoint to come back: a bounded folder that survives the process.

A target has a folder, and in it every process a folder of its own with a lock. The lock of a living process cannot be
taken; whoever can take it adopts the requests of a dead one. A file holds the bytes of one request, as they are sent:
the collector stores the same bytes once, so a request that was sent and not yet removed does no harm.
"""

import contextlib
import errno
import itertools
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quarterdeck import files

if sys.platform != "win32":
    import fcntl

log: Final = logging.getLogger("quarterdeck")

DEFAULT_BYTES: Final = 512 * 1024 * 1024
OFF: Final = "off"

LOCK: Final = "owner.lock"
_SUFFIX: Final = ".otlp"
_UNFINISHED: Final = ".part"
_COUNT_OTHERS_EVERY_S: Final = 5.0

_numbers: Final = itertools.count()


@dataclass
class Request:
    """One encoded export request.

    Args:
        body: its bytes.
        items: spans or records in it.
        path: where it is on disk; None if it is not.
    """

    body: bytes = field(repr=False)
    items: int
    path: Path | None = None


def default_folder() -> str:
    """Where requests wait if nobody says; empty where there is no place for them."""
    if data := os.environ.get("QUARTERDECK_DATA_DIR", "").strip():
        return str(Path(data) / "buffer")
    state = os.environ.get("XDG_STATE_HOME", "").strip()
    try:
        return str((Path(state) if state else Path.home() / ".local" / "state") / "quarterdeck" / "buffer")
    except RuntimeError:  # an account without a home
        return ""


class DiskBuffer:
    """The requests of one target that this process keeps on disk.

    Args:
        folder: folder of the target, shared with other processes.
        limit: bytes that may wait there, those of other processes included; then the oldest make room.
        on_dropped: told how many spans or records made room.
    """

    def __init__(self, folder: Path, limit: int, on_dropped: Callable[[int], None]) -> None:
        self.folder = folder
        self._limit = limit
        self._on_dropped = on_dropped
        self._own: Path | None = None
        self._lock: int | None = None
        self._waiting: deque[Path] = deque()
        self._sizes: dict[Path, int] = {}
        self._others = (0.0, 0)
        self.bytes = 0
        """Bytes of this process that wait."""
        self._said_full = self._said_broken = False
        self.works = sys.platform != "win32"
        """Whether the newest request that had to be kept was."""

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, request: Request) -> bool:
        """Write a request, so that it survives the process and the machine.

        Returns:
            Whether it is on disk; said once if not.
        """
        if sys.platform == "win32" or request.path is not None:
            return request.path is not None
        try:
            self._make_room(len(request.body))
            folder = self._owned()
            path = folder / f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}-{request.items}{_SUFFIX}"
            _write(path, request.body)
        except OSError as error:
            self.works = False
            if not self._said_broken:
                self._said_broken = True
                log.warning(
                    "telemetry that waits cannot be kept in %s (%s): it is kept in memory", self.folder, error.strerror
                )
            return False
        self.works = True
        request.path = path
        self._count(path, len(request.body))
        return True

    def _count(self, path: Path, size: int) -> None:
        self._waiting.append(path)
        self._sizes[path] = size
        self.bytes += size

    def _make_room(self, size: int) -> None:
        room = self._limit - self._bytes_of_others()
        if size > room:
            raise OSError(
                errno.ENOSPC, f"{size} bytes more would be too much beside what others keep", str(self.folder)
            )
        while self._waiting and self.bytes + size > room:
            path = self._waiting.popleft()
            self._forget(path)
            self._on_dropped(_items(path))
            if not self._said_full:
                self._said_full = True
                log.warning(
                    "%s is full (%d bytes): the oldest telemetry in it makes room; "
                    "set QUARTERDECK_BUFFER_MAX_BYTES for more",
                    self.folder,
                    self._limit,
                )

    def _bytes_of_others(self) -> int:
        counted_at, found = self._others
        if time.monotonic() - counted_at < _COUNT_OTHERS_EVERY_S and counted_at:
            return found
        found = sum(_size(path) for owner in self._owners() for path in requests_in(owner))
        self._others = (time.monotonic(), found)
        return found

    def _owners(self) -> Iterator[Path]:
        """The folders of other processes; a name that begins with a dot is not ready."""
        with contextlib.suppress(OSError):
            for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
                path = Path(entry.path)
                if path != self._own and not entry.name.startswith(".") and entry.is_dir():
                    yield path

    def _owned(self) -> Path:
        """The folder of this process, made when it is first needed: by a rename, so that it is never seen unlocked."""
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}"
            unready = self.folder / f".{name}"
            unready.mkdir(mode=0o700)
            self._lock = locked(unready)
            if self._lock is None:
                raise OSError(errno.ENOLCK, "files cannot be locked", str(unready))
            self._own = unready.rename(self.folder / name)
            files.sync_folder(self.folder)
        return self._own

    def oldest(self) -> Request | None:
        """Read the request that has waited longest; it stays until it is removed."""
        while self._waiting:
            path = self._waiting[0]
            try:
                return Request(path.read_bytes(), _items(path), path)
            except OSError as error:
                # A program that closes every file it has, to become a daemon say, gives up its lock, too.
                if not isinstance(error, FileNotFoundError):
                    log.warning("%s cannot be read (%s): what was in it is lost", path, error.strerror)
                    self._on_dropped(_items(path))
                self._waiting.popleft()
                self.bytes -= self._sizes.pop(path, 0)
        return None

    def remove(self, request: Request) -> None:
        """Forget a request, whose fate is known."""
        if request.path is not None:
            with contextlib.suppress(ValueError):
                self._waiting.remove(request.path)
            self._forget(request.path)
            request.path = None

    def _forget(self, path: Path) -> None:
        self.bytes -= self._sizes.pop(path, 0)
        with contextlib.suppress(OSError):
            path.unlink()

    def adopt(self) -> int:
        """Take over what dead processes have left behind.

        Returns:
            How many requests that were.
        """
        return sum(map(self._adopt_from, self._owners())) if sys.platform != "win32" else 0

    def _adopt_from(self, owner: Path) -> int:
        lock = locked(owner)
        if lock is None:
            return 0
        found = 0
        try:
            for path in requests_in(owner):
                mine = path.rename(self._owned() / path.name)
                self._count(mine, _size(mine))
                found += 1
            for path in owner.iterdir():  # what a process began to write when it died
                path.unlink()
            owner.rmdir()
        except OSError as error:
            log.warning("what waits in %s cannot be taken over: %s", owner, error.strerror)
        finally:
            os.close(lock)
        self._waiting = deque(sorted(self._waiting, key=lambda path: path.name))
        self._others = (0.0, 0)
        return found

    def release(self) -> None:
        """Own nothing any more: what waits is for whoever comes."""
        if self._own is not None and self._lock is not None:
            if not self._waiting:
                with contextlib.suppress(OSError):
                    (self._own / LOCK).unlink()
                    self._own.rmdir()
            _close(self._lock)
        self._start_afresh()

    def after_fork(self) -> None:
        """Start afresh in a forked child: what waits is the parent's, and so is its lock."""
        if self._lock is not None:
            _close(self._lock)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._own = self._lock = None
        self._waiting, self._sizes, self._others, self.bytes = deque(), {}, (0.0, 0), 0


def locked(owner: Path) -> int | None:
    """Take the lock of a folder; None where its owner lives, or is gone with everything."""
    if sys.platform == "win32":
        return None
    try:
        lock = os.open(owner / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def requests_in(owner: Path) -> list[Path]:
    """Requests in a folder, the oldest first."""
    with contextlib.suppress(OSError):
        return sorted(owner.glob(f"*{_SUFFIX}"))
    return []


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _items(path: Path) -> int:
    count = path.name.removesuffix(_SUFFIX).rpartition("-")[2]
    return int(count) if count.isdecimal() else 1


def _write(path: Path, body: bytes) -> None:
    unfinished = path.with_suffix(_UNFINISHED)
    descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    try:
        try:
            left = memoryview(body)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    files.sync_folder(path.parent)
