"""Run the tasks of ``parallel_claude`` and ``claude_batch``, each kept by itself."""

import asyncio
import logging
from typing import Any

from quarterdeck_runner.providers import explain
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Batch, Step, Task
from quarterdeck_runner.steps import Branch, Work, answered, question_of, record_of, session_of, write_result
from quarterdeck_runner.template import as_text

log = logging.getLogger("quarterdeck.runner")


async def ask_all(step: Step, work: Work, branch: Branch) -> Record:
    """Run all tasks of a step, as many at once as it says.

    Args:
        step: whose tasks.
        work: what they work with.
        branch: opens the span of a task.

    Raises:
        Exception: a branch of ``parallel_claude`` failed, or every task of ``claude_batch``.
    """
    batch = step.action if isinstance(step.action, Batch) else None
    places = asyncio.Semaphore(batch.max_parallel if batch is not None else max(len(step.tasks), 1))

    async def one(task: Task) -> Record:
        async with places:
            place = work.inside(task.id)
            return await work.keep(place.path, lambda: _one(step, task, place, branch), False)  # noqa: FBT003 - a Keep

    outcomes = await _gathered([one(task) for task in step.tasks])
    return _batch(step, outcomes, batch) if batch is not None else _parallel(step, outcomes)


async def _gathered(tasks: list[Any]) -> list[Record | BaseException]:
    running = [asyncio.ensure_future(task) for task in tasks]
    try:
        # All are waited for: an answer that is on its way is paid for anyhow.
        return list(await asyncio.gather(*running, return_exceptions=True))
    except asyncio.CancelledError:
        await asyncio.gather(*running, return_exceptions=True)
        raise


async def _one(step: Step, task: Task, work: Work, branch: Branch) -> Record:
    with branch(task) as span:
        question = question_of(step, task.call, work, session_of(step, task.call, work.scope))
        record = record_of(await answered(question, task.call, work), question, task.call)
        if task.output_to_file:
            record["file"] = write_result(task.output_to_file, record, work)
        if span is not None:
            span.output(record["text"])
        return record


def _parallel(step: Step, outcomes: list[Record | BaseException]) -> Record:
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed:
        raise failed[0]
    results = _by_id(step, outcomes)
    texts = {name: _value(record) for name, record in results.items()}
    return {"success": True, "text": as_text(texts), "data": texts, "results": results, **_costs(results)}


def _batch(step: Step, outcomes: list[Record | BaseException], batch: Batch) -> Record:
    results = _by_id(step, outcomes)
    entries = []
    for task, outcome in zip(step.tasks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            message = explain(outcome).message
            log.warning("step '%s', task '%s' failed: %s", step.name, task.id, message)
            entries.append({"task_id": task.id, "success": False, "text": "", "error": message})
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            entries.append({"task_id": task.id, "success": True, "text": _value(outcome)})
    if not results:
        raise next(outcome for outcome in outcomes if isinstance(outcome, BaseException))
    data = {
        "batch_results": entries,
        "total_tasks": len(entries),
        "successful_tasks": len(results),
        "failed_tasks": len(entries) - len(results),
    }
    text = "\n\n".join(as_text(each["text"]) for each in entries if each["success"])
    text = text if batch.consolidate else f"{len(results)} of {len(entries)} tasks succeeded"
    return {"success": True, "text": text, "data": data, "results": results, **_costs(results)}


def _by_id(step: Step, outcomes: list[Record | BaseException]) -> dict[str, Record]:
    return {task.id: outcome for task, outcome in zip(step.tasks, outcomes, strict=True) if isinstance(outcome, dict)}


def _value(record: Record) -> Any:
    return record["data"] if record.get("data") is not None else record["text"]


def _costs(results: dict[str, Record]) -> dict[str, float | None]:
    costs = [record.get("cost_usd") for record in results.values()]
    return {"cost_usd": sum(cost for cost in costs if cost is not None) if any(costs) else None}
