"""Tell the dashboard about runs: their beginning, their status and, exactly once it is safe, their end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from opentelemetry import trace

import quarterdeck as qd
from quarterdeck import config, durable, semconv
from quarterdeck_runner.definitions import pipeline_of
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step
from quarterdeck_runner.store import RunRow, RunStore

_FLUSH_S: Final = 5.0
_SETTLE_S: Final = 1.0


class RunFailedError(Exception):
    """A run ended with an error; the message names file, line and step."""


def identity(row: RunRow) -> durable.RunIdentity:
    """Trace identity of a run, the same in every process."""
    return durable.identity(row.id, row.pipeline, row.version)


class Announcer:
    """Sends what the telemetry contract asks of a run.

    The root span is written at the end. Whether it left the process is kept in the database, so that a runner killed
    in between writes it after its restart.

    Args:
        store: where it is kept whether an end was told.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._told: set[str] = set()
        self._open: set[str] = set()
        self.on_end: Callable[[], None] = _nobody

    def opened(self, row: RunRow) -> None:
        """Tell that a run is there, or there again."""
        pipeline = pipeline_of(row)
        self._open.add(row.id)
        durable.started(
            identity(row),
            start_ns=row.started_ns or row.created_ns,
            config=pipeline.document,
            input=row.inputs,
            steps_total=row.steps_total,
        )
        self.status(row)

    @property
    def open(self) -> frozenset[str]:
        """Ids of the runs whose life this process tells."""
        return frozenset(self._open)

    def elsewhere(self, run_ids: Iterable[str]) -> None:
        """Tell no more of runs that another runner looks after now."""
        for run_id in run_ids:
            durable.elsewhere(run_id)
            self._open.discard(run_id)

    def status(self, row: RunRow) -> None:
        """Tell the status of a run."""
        durable.status(identity(row), row.status)

    def ended(self, row: RunRow) -> None:
        """Write the root span of a run."""
        durable.finished(
            identity(row),
            start_ns=row.started_ns or row.created_ns,
            end_ns=row.completed_ns,
            status=row.status,
            output=row.output,
            error=RunFailedError(row.error) if row.status == "failed" else None,
            config=pipeline_of(row).document,
            input=row.inputs,
        )
        self._open.discard(row.id)
        self._told.add(row.id)
        self.on_end()

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Note in the background which ends have left the process; once more when the block ends."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._settle()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_S)
            await self._settle()

    async def _settle(self) -> None:
        told = sorted(self._told)
        delivered = await asyncio.to_thread(qd.flush, _FLUSH_S) if told else False
        if delivered:
            await asyncio.to_thread(self._store.mark_announced, told)
            self._told.difference_update(told)


def _nobody() -> None:
    """Nobody listens."""


def skipped(run: durable.RunIdentity | None, step: Step, number: int, total: int) -> None:
    """Write the span of a step that did not run because its condition does not hold.

    Args:
        run: whose step; ``None`` for a step inside the one that is under way.
        step: which.
        number: its position, counted from 1.
        total: how many steps there are.
    """
    _instant(run, step, number, total, {semconv.STEP_STATUS: "skipped"})


def reused(run: durable.RunIdentity, step: Step, number: int, total: int, record: Record) -> None:
    """Write the span of a step whose result comes from an earlier run."""
    output = record["data"] if record.get("data") is not None else record.get("text")
    status = "completed" if record.get("success") else "failed"
    attributes = {semconv.STEP_STATUS: "skipped" if record.get("skipped") else status, semconv.STEP_REUSED: True}
    captured = config.capture().value(output)
    _instant(run, step, number, total, attributes | ({} if captured is None else {semconv.STEP_OUTPUT: captured}))


def _instant(run: durable.RunIdentity | None, step: Step, number: int, total: int, further: dict[str, Any]) -> None:
    attributes: dict[str, Any] = {
        semconv.STEP_NAME: step.name,
        semconv.STEP_INDEX: number,
        semconv.STEP_TOTAL: total,
        semconv.STEP_KIND: step.type,
        **further,
    }
    with durable.attach(run) if run is not None else contextlib.nullcontext():
        span = trace.get_tracer(semconv.SCOPE).start_span(f"step {step.name}", attributes=attributes)
        span.set_attribute(semconv.STEP_ID, trace.format_span_id(span.get_span_context().span_id))
        span.end()
