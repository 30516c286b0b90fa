"""Wait for a fact instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], seconds: float = 90, every: float = 0.05) -> T:
    """Ask again and again until the answer is true-ish, and give it.

    Raises:
        AssertionError: it never was within ``seconds``; carries the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds} s")
        time.sleep(every)
