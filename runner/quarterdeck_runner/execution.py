"""Interpret a run: its steps in order, each a durable step of the engine.

Whatever happens inside a step becomes its record, failures included; so the workflow itself takes the same path when
it is replayed after a crash.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import quarterdeck as qd
from quarterdeck import durable
from quarterdeck_runner import announce
from quarterdeck_runner.compose import Folders
from quarterdeck_runner.conditions import holds
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.files import FileError
from quarterdeck_runner.providers import Failure, Models, explain
from quarterdeck_runner.scope import Record, Scope
from quarterdeck_runner.spec import Pipeline, Retry, Step, Task
from quarterdeck_runner.steps import Work, attempt
from quarterdeck_runner.store import Outcome, RunRow
from quarterdeck_runner.template import TemplateError

log = logging.getLogger("quarterdeck.runner")

_OURS: Final = (ExpressionError, TemplateError, FileError)
_ONCE: Final = Retry(1, 0.0)

DurableStep = Callable[[Step, int, Callable[[], Awaitable[Record]]], Awaitable[Record]]
"""Runs one step, or gives its record if it ran before: ``(step, number, work)``."""


@dataclass(frozen=True)
class Execution:
    """One run being executed.

    Args:
        row: the run.
        pipeline: what runs.
        providers: whom its steps ask.
        outputs: root folder of all output files.
    """

    row: RunRow
    pipeline: Pipeline
    providers: Models
    outputs: Path

    async def run(self, durable_step: DurableStep) -> Outcome:
        """Run all steps.

        Args:
            durable_step: makes a step durable.
        """
        scope = Scope(self.pipeline, self.row.id, self.row.created_ns, self.row.inputs)
        folders = Folders(self.pipeline.file.parent, self.outputs / self.pipeline.output_dir / self.row.id)
        work = Work(scope, folders, self.providers)
        output: Any = None
        for number, step in enumerate(self.pipeline.steps, 1):
            record = await durable_step(step, number, functools.partial(self._step, step, number, work))
            scope.finished(step.name, record)
            if not record["success"] and not step.continue_on_error:
                return Outcome("failed", number - 1, None, str(record["error"]), str(record["error_type"]))
            if record["success"] and not record.get("skipped"):
                output = record["data"] if record.get("data") is not None else record["text"]
        return Outcome("completed", len(self.pipeline.steps), output)

    async def _step(self, step: Step, number: int, work: Work) -> Record:
        run = announce.identity(self.row)
        try:
            wanted = step.condition is None or holds(step.condition, work.scope.lookup)
        except ExpressionError as error:
            return self._failed(step, error, Failure(f"the condition cannot be computed: {error}", passing=False))
        if not wanted:
            announce.skipped(run, step, number, len(self.pipeline.steps))
            return {"success": True, "skipped": True, "text": "", "reason": "the condition does not hold"}
        with durable.attach(run):
            return await self._attempts(step, number, work)

    async def _attempts(self, step: Step, number: int, work: Work) -> Record:
        retry = step.retry or _ONCE
        for count in range(1, retry.max_attempts + 1):
            try:
                return await self._attempt(step, number, count, work)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in a step is the step's failure
                failure = _explain(error)
                if count == retry.max_attempts or not failure.passing:
                    return self._given_up(step, error, failure)
                delay = retry.delay_s(count)
                log.warning("step '%s', attempt %d: %s; again in %g s", step.name, count, failure.message, delay)
                await asyncio.sleep(delay)
        raise AssertionError("a step has at least one attempt")

    async def _attempt(self, step: Step, number: int, count: int, work: Work) -> Record:
        total = len(self.pipeline.steps)

        def branch(task: Task) -> AbstractContextManager[Any]:
            budget = task.call.budget.max_output_tokens
            return qd.step(task.id, index=number, total=total, kind="claude", token_budget=budget, attempt=count)

        budget = step.call.budget.max_output_tokens if step.call is not None else None
        with qd.step(
            step.name,
            index=number,
            total=total,
            kind=step.type,
            token_budget=budget,
            attempt=count,
            input=self._definition(number),
        ) as span:
            record = await attempt(step, work, branch)
            span.output(record["data"] if record.get("data") is not None else record["text"])
            return record

    def _definition(self, number: int) -> Any:
        """The step as written: its arguments."""
        written = self.pipeline.document["steps"][number - 1]
        return {key: value for key, value in written.items() if key not in {"name", "type"}}

    def _given_up(self, step: Step, error: Exception, failure: Failure) -> Record:
        if not step.fallback:
            return self._failed(step, error, failure)
        log.warning("step '%s' failed and falls back to '%s': %s", step.name, step.fallback, failure.message)
        text = f"No answer: {failure.message}"
        return {"success": True, "fallback": step.fallback, "text": text, "error": failure.message}

    def _failed(self, step: Step, error: Exception, failure: Failure) -> Record:
        where = f"{self.pipeline.file.name}:{step.position.line}: step '{step.name}'"
        log.error("%s: %s", where, failure.message)
        kind = type(error)
        error_type = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return {"success": False, "text": "", "error": f"{where}: {failure.message}", "error_type": error_type}


def _explain(error: Exception) -> Failure:
    return Failure(str(error), passing=False) if isinstance(error, _OURS) else explain(error)
