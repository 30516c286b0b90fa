"""Run a module that ends when whoever started it is gone: ``python -m quarterdeck.cli.tied MODULE …``.

The starter holds the other end of standard input and never writes. However it ends, also by ``kill -9``, the system
closes that end.
"""

import os
import runpy
import signal
import sys
import threading
import time

_STANDARD_INPUT = 0
PATIENCE_S = 8.0
"""Seconds that a service has to end in order."""


def _end_with_starter() -> None:
    while os.read(_STANDARD_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_starter, name="quarterdeck-tied", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
