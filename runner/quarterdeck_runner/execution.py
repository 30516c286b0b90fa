"""Interpret a run: its steps in order, each a durable step of the engine.

Whatever happens inside a step becomes its record, failures included; so the workflow itself takes the same path when
it is replayed after a crash. Steps inside loops and nested pipelines are kept one by one, by their paths.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import quarterdeck as qd
from quarterdeck import durable
from quarterdeck_runner import announce
from quarterdeck_runner.answers import AnswerError
from quarterdeck_runner.blocks import run_block
from quarterdeck_runner.compose import Folders, PromptError
from quarterdeck_runner.conditions import holds
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.files import FileError
from quarterdeck_runner.providers import Failure, Models, explain
from quarterdeck_runner.scope import Record, Scope
from quarterdeck_runner.spec import Pipeline, Retry, Step, Task
from quarterdeck_runner.spending import Spending
from quarterdeck_runner.steps import BlockError, Keep, Work, at_once, attempt, cached, finish, simplified
from quarterdeck_runner.store import Outcome, RunRow
from quarterdeck_runner.template import TemplateError
from quarterdeck_runner.vocabulary import BLOCK_TYPES
from quarterdeck_runner.watching import NOBODY, Watch

log = logging.getLogger("quarterdeck.runner")

_OURS: Final = (ExpressionError, TemplateError, FileError, PromptError)
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
        keep: makes what is inside a step durable.
        watch: hears what happens.
        spending: what the run has cost so far.
    """

    row: RunRow
    pipeline: Pipeline
    providers: Models
    outputs: Path
    keep: Keep = at_once
    watch: Watch = NOBODY
    spending: Spending = field(default_factory=Spending)

    async def run(self, durable_step: DurableStep) -> Outcome:
        """Run all steps.

        Args:
            durable_step: makes a step durable.
        """
        pipeline, total = self.pipeline, len(self.pipeline.steps)
        row = self.row
        scope = Scope(pipeline, row.id, row.created_ns, row.inputs, env=row.options.env)
        outputs = self.outputs / pipeline.output_dir / self.row.id
        folders = Folders(pipeline.file.parent, outputs, pipeline.workspace)
        work = Work(scope, folders, self.providers, keep=self._kept, watch=self.watch, file=pipeline.file.name)
        output: Any = None
        for number, step in enumerate(pipeline.steps, 1):
            place = work.inside(step.name)
            record = await durable_step(step, number, functools.partial(self._top_step, step, number, total, place))
            self.spending.note(place.path, record)
            scope.finished(step.name, record)
            if not record["success"] and not step.continue_on_error:
                return Outcome("failed", number - 1, None, str(record["error"]), str(record["error_type"]))
            if record["success"] and not record.get("skipped"):
                output = record["data"] if record.get("data") is not None else record["text"]
        return Outcome("completed", total, output)

    async def _kept(self, path: str, work: Callable[[], Awaitable[Record]], failures: bool) -> Record:
        record = await self.keep(path, work, failures)
        self.spending.note(path, record)
        return record

    async def _top_step(self, step: Step, number: int, total: int, work: Work) -> Record:
        with durable.attach(announce.identity(self.row)):
            return await self._step(step, number, total, work)

    async def _step(self, step: Step, number: int, total: int, work: Work) -> Record:
        work = replace(work, scope=work.scope.with_env(step.env))
        record = await self._decided(step, number, total, work)
        record["at"] = max(record.get("at", 0), time.time())
        work.watch.ends(work.path, step, record)
        return record

    async def _decided(self, step: Step, number: int, total: int, work: Work) -> Record:
        try:
            wanted = step.condition is None or holds(step.condition, work.scope.lookup)
        except ExpressionError as error:
            return _failed(step, error, Failure(f"the condition cannot be computed: {error}", passing=False), work)
        if not wanted:
            announce.skipped(None, step, number, total)
            return {"success": True, "skipped": True, "text": "", "reason": "the condition does not hold"}
        return await self._attempts(step, number, total, work)

    async def _attempts(self, step: Step, number: int, total: int, work: Work) -> Record:
        retry = step.retry or _ONCE
        for count in range(1, retry.max_attempts + 1):
            try:
                return await self._attempt(step, number, total, count, work)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in a step is the step's failure
                failure = _explain(error)
                if count == retry.max_attempts or not failure.passing or not _tried_again(retry, failure):
                    return await self._given_up(step, error, failure, work)
                delay = retry.delay_s(count)
                log.warning("step '%s', attempt %d: %s; again in %g s", step.name, count, failure.message, delay)
                await asyncio.sleep(delay)
        raise AssertionError("a step has at least one attempt")

    async def _attempt(self, step: Step, number: int, total: int, count: int, work: Work) -> Record:
        def branch(task: Task) -> AbstractContextManager[Any]:
            budget = task.call.budget.max_output_tokens
            return qd.step(task.id, index=number, total=total, kind="claude", token_budget=budget, attempt=count)

        budget = step.call.budget.max_output_tokens if step.call is not None else None
        work.watch.begins(work.path, step, count)
        with qd.step(
            step.name,
            index=number,
            total=total,
            kind=step.type,
            token_budget=budget,
            attempt=count,
            input=step.written,
        ) as span:
            if step.calls and step.type not in {"echo", "test_echo"}:
                self.spending.check(self.pipeline.max_cost_usd)
            record = await (self._block(step, work) if step.type in BLOCK_TYPES else attempt(step, work, branch))
            span.output(record["data"] if record.get("data") is not None else record["text"])
            return record

    async def _block(self, step: Step, work: Work) -> Record:
        try:
            async with asyncio.timeout(step.timeout_s):
                return finish(step, await run_block(step, work, self._step), work)
        except TimeoutError as error:
            raise TimeoutError(f"it was not done within {step.timeout_s or 0:g} s") from error

    async def _given_up(self, step: Step, error: Exception, failure: Failure, work: Work) -> Record:
        if not step.fallback:
            return _failed(step, error, failure, work)
        log.warning("step '%s' failed and falls back to '%s': %s", step.name, step.fallback, failure.message)
        flags = {"fallback": step.fallback, "error": failure.message}
        if step.fallback.endswith("cached_response"):
            text = cached(step, work)
            if text is None:
                message = f"{failure.message}; no earlier answer to this question is kept"
                return _failed(step, error, replace(failure, message=message), work)
            return finish(step, {"success": True, "text": text, **flags}, work)
        if step.fallback == "simplified_prompt":
            try:
                return finish(step, {**await simplified(step, work), **flags}, work)
            except Exception as again:  # noqa: BLE001 - as in _attempts
                return _failed(step, again, _explain(again), work)
        return {"success": True, "text": f"No answer: {failure.message}", **flags}


def _failed(step: Step, error: Exception, failure: Failure, work: Work) -> Record:
    if isinstance(error, BlockError) and error.error_type:
        # What failed inside has said already where it is.
        return {"success": False, "text": "", "error": str(error), "error_type": error.error_type}
    where = f"{work.file}:{step.position.line}: step '{step.name}'"
    log.error("%s: %s", where, failure.message)
    kind = type(error)
    error_type = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"success": False, "text": "", "error": f"{where}: {failure.message}", "error_type": error_type}


def _tried_again(retry: Retry, failure: Failure) -> bool:
    said = failure.message.lower()
    return not retry.only or any(word == failure.kind or word.lower() in said for word in retry.only)


def _explain(error: Exception) -> Failure:
    if isinstance(error, (AnswerError, BlockError)):
        return Failure(str(error), passing=True)
    return Failure(str(error), passing=False) if isinstance(error, _OURS) else explain(error)
