"""Process pools of ``concurrent.futures`` carry the run of whoever submits, as pools of threads do."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, attach, detach

from quarterdeck.on_import import when_imported

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_MODULE: Final = "concurrent.futures.process"


class _Switch:
    """Whether pools carry runs now; one that somebody has wrapped since stays in the chain and does nothing."""

    on = False


def install() -> None:
    """Begin, as soon as the program uses such pools."""
    _Switch.on = True
    when_imported(_MODULE, _patch)


def remove() -> None:
    """End."""
    _Switch.on = False


def _patch() -> None:
    from concurrent.futures.process import ProcessPoolExecutor

    submit: Callable[..., Any] = ProcessPoolExecutor.submit
    if hasattr(submit, "carries_runs"):
        return

    @functools.wraps(submit)
    def submit_carried(
        self: "ProcessPoolExecutor", fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        from quarterdeck.processes import carry

        if not _Switch.on:
            return submit(self, fn, *args, **kwargs)  # type: ignore[no-any-return] # the original's type
        carried = carry(fn)
        # A worker that is forked now outlives this run and belongs to none.
        token = attach(Context())
        try:
            return submit(self, carried, *args, **kwargs)  # type: ignore[no-any-return] # as above
        finally:
            detach(token)

    submit_carried.carries_runs = True  # type: ignore[attr-defined] # so that it happens once
    ProcessPoolExecutor.submit = submit_carried  # type: ignore[method-assign,assignment] # the patch is the point
