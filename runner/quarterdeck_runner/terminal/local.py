"""Run a pipeline in this process, without a server: the interpreter of the runner over a file of finished steps."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quarterdeck import durable
from quarterdeck_runner import announce
from quarterdeck_runner.execution import Execution
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.rows import new_row
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Pipeline, Step
from quarterdeck_runner.spending import Spending
from quarterdeck_runner.store import Outcome, RunRow
from quarterdeck_runner.terminal.checkpoint import Checkpoint, marks
from quarterdeck_runner.watching import Watch


@dataclass
class LocalRun:
    """One run.

    Args:
        pipeline: what runs.
        row: the run.
        checkpoint: where finished steps are kept.
        providers: whom the steps ask.
        outputs: root folder of output files.
        watch: hears what happens.
    """

    pipeline: Pipeline
    row: RunRow
    checkpoint: Checkpoint
    providers: Providers
    outputs: Path
    watch: Watch
    spending: Spending = field(default_factory=Spending)
    reused: int = 0
    """How many steps were finished by an earlier attempt."""

    async def run(self) -> Outcome:
        """Run it to its end, or until this task is cancelled; then it can be gone on with.

        Raises:
            OSError: finished steps cannot be kept.
            asyncio.CancelledError: it was broken off.
        """
        began = time.time_ns()
        self._open(began)
        execution = Execution(
            self.row, self.pipeline, self.providers, self.outputs, self._keep, self.watch, self.spending
        )
        outcome = Outcome("cancelled", 0)
        try:
            outcome = await execution.run(self._durable_step)
        finally:
            self._ended(began, outcome)
            await self.providers.close()
        return outcome

    async def _durable_step(self, step: Step, number: int, work: Callable[[], Awaitable[Record]]) -> Record:
        mark = marks(self.pipeline.steps)[number - 1]
        kept = self.checkpoint.get(step.name, mark)
        if kept is not None:
            self.reused += 1
            return kept
        self._mark = mark
        record = await work()
        # A failure is not kept: going on means to try again.
        if record["success"] or step.continue_on_error:
            await asyncio.to_thread(self.checkpoint.put, step.name, mark, record)
        return record

    async def _keep(self, path: str, work: Callable[[], Awaitable[Record]], failures: bool) -> Record:
        kept = self.checkpoint.get(path, self._mark)
        if kept is not None:
            return kept
        record = await work()
        if record["success"] or failures:
            self.checkpoint.put(path, self._mark, record)
        return record

    def _open(self, began: int) -> None:
        run = announce.identity(self.row)
        durable.started(
            run,
            start_ns=began,
            config=self.pipeline.document,
            input=self.row.inputs,
            steps_total=len(self.pipeline.steps),
        )
        durable.status(run, "running")

    def _ended(self, began: int, outcome: Outcome) -> None:
        failed = outcome.status == "failed"
        durable.finished(
            announce.identity(self.row),
            start_ns=began,
            end_ns=time.time_ns(),
            status=outcome.status,
            output=outcome.output,
            error=announce.RunFailedError(outcome.error) if failed else None,
            config=self.pipeline.document,
            input=self.row.inputs,
        )
        self.checkpoint.end(outcome.status)
        self.checkpoint.close()


def row_of(pipeline: Pipeline, source: str, head_id: str, inputs: Mapping[str, Any], created_ns: int) -> RunRow:
    """The run as the interpreter knows it."""
    return replace(new_row(pipeline, source, inputs), id=head_id, created_ns=created_ns)
