"""SIGTERM: what is open ends as cancelled, everything is sent, and the program dies by the signal as it would have."""

import _thread
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from quarterdeck.guard import guarded

PATIENCE_S: Final = 6.0
"""How long a dying program waits for its last words to be sent."""

_open: "Final[dict[int, Callable[[], None]]]" = {}


def opened(key: int, cancel: Callable[[], None]) -> None:
    """Remember how to end something that is open.

    Args:
        key: identity of it.
        cancel: ends it as cancelled.
    """
    _open[key] = cancel


def closed(key: int) -> None:
    """Forget what has ended."""
    _open.pop(key, None)


def forget() -> None:
    """Forget everything, in a forked child: it is the parent's."""
    _open.clear()
    Handler.due, Handler.waits = 0, False


def cancel_open() -> None:
    """End what is open, the innermost first."""
    for cancel in reversed(list(_open.values())):
        with guarded("cancel what is open"):
            cancel()


class Handler:
    """Our handler of SIGTERM.

    Args:
        send: sends everything.

    Attributes:
        waits: whether the thread that a signal interrupts is about to have said everything.
        due: the signal that came meanwhile; 0 if none did.
    """

    waits = False
    due = 0

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Say the last words and die; a second signal kills at once."""
        signal.signal(number, signal.SIG_DFL)
        if Handler.waits:
            Handler.due = number
            return
        # Neither on this thread nor in a threading.Thread: the code that was interrupted may hold the locks they need.
        done = _thread.allocate_lock()
        done.acquire()
        _thread.start_new_thread(self._last_words, (done,))
        done.acquire(timeout=PATIENCE_S)
        os.kill(os.getpid(), number)

    def _last_words(self, done: _thread.LockType) -> None:
        try:
            with guarded("end what is open at SIGTERM"):
                cancel_open()
                self._send()
        finally:
            done.release()


def install(send: Callable[[], None]) -> None:
    """Handle SIGTERM, unless the program does or ignores it.

    Args:
        send: sends everything.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, Handler(send))


@contextmanager
def last() -> Iterator[None]:
    """Let a SIGTERM wait for the end of the block: pools send it to workers that are just ending by themselves.

    Afterwards SIGTERM has its ordinary effect again, unless somebody else handles it now.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    Handler.waits = True
    try:
        yield
    finally:
        if isinstance(signal.getsignal(signal.SIGTERM), Handler):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        due, Handler.due, Handler.waits = Handler.due, 0, False
        if due:
            os.kill(os.getpid(), due)
