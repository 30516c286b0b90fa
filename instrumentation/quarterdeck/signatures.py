"""The arguments of a call as an object with names, without the cost of ``inspect`` in every call."""

import inspect
from collections.abc import Callable
from typing import Any, Final

from quarterdeck.guard import guarded

_PLAIN: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_OWNERS: Final = ("self", "cls")


class Arguments:
    """Names of a function's arguments, so that its input can be recorded as an object.

    Args:
        fn: the function; one without a readable signature has its arguments numbered.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._names: tuple[str, ...] = ()
        self._rest = "args"
        self._skipped = 0
        with guarded("read a signature"):
            parameters = _parameters(fn)
            self._names = tuple(parameter.name for parameter in parameters if parameter.kind in _PLAIN)
            rest = (p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL)
            self._rest = next(rest, "args")
            self._skipped = int(self._names[:1] in {(owner,) for owner in _OWNERS})
            self._names = self._names[self._skipped :]

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Name a call's arguments; one that does not fit is the function's own business to refuse."""
        if self._skipped:
            args = args[1:]
        if len(args) == len(self._names) == 1 and not kwargs:  # most steps, and at a third of the cost
            return {self._names[0]: args[0]}
        found = dict(zip(self._names, args, strict=False))
        if len(args) > len(self._names):
            found[self._rest] = args[len(self._names) :]
        if kwargs:
            found.update(kwargs)
        return found


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fn).parameters.values())
    except ValueError:  # some functions written in C have none
        return []
