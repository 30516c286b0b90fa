"""The one broad ``except`` of the SDK: telemetry never breaks the program it watches."""

import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

log: Final = logging.getLogger("quarterdeck")


class Switch:
    """Whether guarded errors are raised again; only tests turn it on."""

    reraise = False


class guarded:  # noqa: N801 - used as a context manager and as a decorator, reads like contextlib's own
    """Swallow and log (once per ``task``) every error of the block or function inside.

    Args:
        task: what the block does, for the log line: ``"capture the input"``.
    """

    _logged: Final[set[str]] = set()

    def __init__(self, task: str) -> None:
        self._task = task

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        return isinstance(error, Exception) and self.take(error)

    def take(self, error: Exception) -> bool:
        """Whether an error is swallowed; an ``except`` may ask, which costs nothing where there is no error."""
        if Switch.reraise:
            return False
        if self._task not in self._logged:
            self._logged.add(self._task)
            log.warning("could not %s; your program is not affected", self._task, exc_info=error)
        return True

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R | None]:
        """Guard every call of ``fn``; an error becomes ``None``."""

        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R | None:
            with self:
                return fn(*args, **kwargs)
            return None

        return inner
