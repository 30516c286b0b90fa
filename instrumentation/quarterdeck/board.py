"""What the processes of one run share: a small file that says what is wanted, and numbers the steps by its length."""

import contextlib
import mmap
import os
import tempfile
import threading
from pathlib import Path
from typing import Final, Self

PAUSE: Final = "pause"
CANCEL: Final = "cancel"

_WORDS: Final = ("", PAUSE, CANCEL)
_WANTED, _STANDING, _BEATS, _HEAD = 0, 1, 2, 16
"""Where the word, the flag and the pulse stand in the file, and where the marks of the steps begin."""


class Board:
    """The file of one run, open.

    Args:
        path: where it is.
        mine: whether this process made it, and removes it.
    """

    def __init__(self, path: str, *, mine: bool = False) -> None:
        self.path = path
        self._owner = os.getpid() if mine else 0
        self._numbering = threading.Lock()
        self._open()

    @classmethod
    def made(cls, steps: int) -> Self:
        """Make the file of a run that has had ``steps`` steps so far."""
        file, path = tempfile.mkstemp(prefix="quarterdeck-run-")
        try:
            os.write(file, b"\0" * (_HEAD + steps))
        finally:
            os.close(file)
        return cls(path, mine=True)

    def _open(self) -> None:
        self._pid = os.getpid()
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._map = mmap.mmap(self._file, _HEAD)

    @property
    def wanted(self) -> str:
        """``pause``, ``cancel`` or nothing."""
        return _WORDS[self._map[_WANTED]]

    @wanted.setter
    def wanted(self, word: str) -> None:
        if word != PAUSE:
            self.standing = False
        self._map[_WANTED] = _WORDS.index(word)

    @property
    def standing(self) -> bool:
        """Whether somebody stands still, as was wanted."""
        return bool(self._map[_STANDING])

    @standing.setter
    def standing(self, standing: bool) -> None:
        self._map[_STANDING] = standing

    @property
    def beats(self) -> int:
        """Changes as long as the process that leads the run lives."""
        return self._map[_BEATS]

    def live(self) -> None:
        """Show that the process that leads the run lives."""
        self._map[_BEATS] = (self._map[_BEATS] + 1) % 256

    def next_index(self) -> int | None:
        """Position of the next step of the run, in whichever process, counted from 1; None once the file is gone."""
        with self._numbering, contextlib.suppress(OSError):
            if self._pid != os.getpid():
                self._open()  # a forked child's own: where it stands in the file is its own matter
            # What is appended is appended whole, and where it ended is known: no two processes get one number.
            os.write(self._file, b"\0")
            return os.lseek(self._file, 0, os.SEEK_CUR) - _HEAD
        return None

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._file)

    def close(self) -> None:
        """Remove the file, if this process made it; who has it open keeps it."""
        if self._owner == os.getpid():
            self._owner = 0
            with contextlib.suppress(OSError):
                Path(self.path).unlink()
