"""Requests that ClickHouse does not take, kept for a human: a file each, the reason beside it.

A file that is moved into the folder ``pieces`` next to this one is tried again at the next start, under the token that
its name gives it: what of it was stored is not stored twice.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck import files
from quarterdeck_collector import pieces
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import SUFFIX

FOLDER: Final = "rejected"
REASON: Final = ".reason"


@dataclass(frozen=True)
class SetAside:
    """What lies there.

    Args:
        files: How many.
        size: Bytes.
        reason: What ClickHouse said of the newest.
    """

    files: int = 0
    size: int = 0
    reason: str = ""


class Quarantine:
    """The requests of one signal that are set aside.

    Args:
        segments: Folder of the segments of that signal.
    """

    def __init__(self, segments: Path) -> None:
        self.folder = segments / FOLDER

    def keep(self, name: str, data: bytes, error: StoreError) -> Path:
        """Keep framed requests: they are on disk when this returns.

        Args:
            name: Name of the file without its suffix.
            data: The requests.
            error: What ClickHouse said.

        Raises:
            OSError: If they cannot be written.
        """
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{name}{SUFFIX}"
        files.replace(path.with_suffix(REASON), f"{error}\n".encode())
        files.replace(path, data)
        return path

    def problem(self, found: SetAside) -> str:
        """Say what lies there and what to do; empty if nothing does."""
        if not found.files:
            return ""
        return (
            f"ClickHouse does not take {found.files} requests ({found.size} bytes) in {self.folder}; when the cause is "
            f"gone, move them to {self.folder.with_name(pieces.FOLDER)} and restart. Of the newest it says: "
            f"{found.reason}"
        )

    def look(self) -> SetAside:
        """See what lies there now: files may be moved or removed at any time."""
        found: list[tuple[int, int, str]] = []
        if self.folder.is_dir():
            for entry in os.scandir(self.folder):
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.endswith(SUFFIX):
                        about = entry.stat()
                        found.append((about.st_mtime_ns, about.st_size, entry.path))
        if not found:
            return SetAside()
        return SetAside(len(found), sum(size for _, size, _ in found), _reason(Path(max(found)[2])))


def _reason(path: Path) -> str:
    try:
        return path.with_suffix(REASON).read_text().strip()
    except OSError:
        return "unknown"
