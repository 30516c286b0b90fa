"""The way out: a signal ends the process soon, whatever the services do that were just asked something."""

import os
import signal
import threading
from types import FrameType
from typing import Final

GRACE_S: Final = 0.8
"""How long pages may be closed and answers awaited after a signal."""


def soon() -> None:
    """Bound the server's own handling of SIGTERM and SIGINT; call it in the main thread while the server runs.

    A thread that waits for a ClickHouse or runner that hangs cannot be cancelled, and Python joins every
    thread before it exits. The dashboard keeps nothing that could be lost, so after the grace it just ends.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        _bound(number)


def _bound(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def ask(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(GRACE_S, os._exit, (0,))
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)

    signal.signal(number, ask)
