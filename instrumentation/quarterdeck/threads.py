"""Work that a run hands to threads stays in the run: Python carries contexts into tasks, not yet into threads."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from opentelemetry.context import Context, attach, detach, get_current

from quarterdeck.context import run_in, step_in

P = ParamSpec("P")
R = TypeVar("R")

OUR_THREADS: Final = "quarterdeck-"
"""Beginning of the names of our own threads: they serve every run."""

_submit: Final = ThreadPoolExecutor.submit
_start: Final = threading.Thread.start


def _inside(context: Context, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    token = attach(context)
    try:
        return fn(*args, **kwargs)
    finally:
        detach(token)


def _belongs_to_a_run(context: Context) -> bool:
    return run_in(context) is not None or step_in(context) is not None


@functools.wraps(_submit)  # type: ignore[arg-type] # both are generic, and wraps cannot say so
def _submit_inside(self: ThreadPoolExecutor, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
    context = get_current()
    if not _belongs_to_a_run(context):
        return _submit(self, fn, *args, **kwargs)
    # A worker thread that the pool starts now outlives this run and belongs to none.
    token = attach(Context())
    try:
        return _submit(self, functools.partial(_inside, context, fn), *args, **kwargs)
    finally:
        detach(token)


@functools.wraps(_start)
def _start_inside(self: threading.Thread) -> None:
    context = get_current()
    if not _belongs_to_a_run(context) or "run" in vars(self) or self.name.startswith(OUR_THREADS):
        return _start(self)
    run = self.run

    def run_inside() -> None:
        vars(self).pop("run", None)
        _inside(context, run)

    self.run = run_inside  # type: ignore[method-assign] # of this one thread, until it runs
    try:
        return _start(self)
    except BaseException:
        vars(self).pop("run", None)
        raise


def install() -> None:
    """Begin; where somebody else has replaced the methods, they are left alone."""
    if ThreadPoolExecutor.submit is _submit:
        ThreadPoolExecutor.submit = _submit_inside  # type: ignore[method-assign,assignment] # the patch is the point
    if threading.Thread.start is _start:
        threading.Thread.start = _start_inside  # type: ignore[method-assign] # as above


def remove() -> None:
    """End; where somebody has wrapped ours since, it stays in the chain and goes on."""
    if ThreadPoolExecutor.submit is _submit_inside:
        ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign] # as above
    if threading.Thread.start is _start_inside:
        threading.Thread.start = _start  # type: ignore[method-assign] # as above
