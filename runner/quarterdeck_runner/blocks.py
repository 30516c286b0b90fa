"""Run what is inside loops and nested pipelines; every step there is kept by itself."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import quarterdeck as qd
from quarterdeck_runner.conditions import holds
from quarterdeck_runner.expressions import ExpressionError, path_of, references
from quarterdeck_runner.inputs import check
from quarterdeck_runner.scope import Loop, Record, Scope
from quarterdeck_runner.spec import ForLoop, Nested, Step, WhileLoop
from quarterdeck_runner.steps import Allowance, BlockError, Work
from quarterdeck_runner.template import as_text, render_value
from quarterdeck_runner.transform import data_of

log = logging.getLogger("quarterdeck.runner")

_MAX_ITEMS: Final = 10_000

RunStep = Callable[[Step, int, int, Work], Awaitable[Record]]
"""Runs one step inside a block: ``(step, number, how many there are, work)``."""


@dataclass(frozen=True)
class _Ran:
    """What a list of steps did."""

    results: dict[str, Record]
    failed: Record | None = None


async def run_block(step: Step, work: Work, run_step: RunStep) -> Record:
    """Run a loop or a nested pipeline.

    Args:
        step: the block.
        work: what it works with.
        run_step: runs the steps inside.

    Raises:
        BlockError: a step inside failed.
        ExpressionError: there is nothing to go through, or the condition cannot be computed.
    """
    if isinstance(step.action, ForLoop):
        return await _for_loop(step, step.action, work, run_step)
    if isinstance(step.action, WhileLoop):
        return await _while_loop(step, step.action, work, run_step)
    if isinstance(step.action, Nested):
        return await _nested(step, step.action, work, run_step)
    raise BlockError(f"the pipeline of step '{step.name}' cannot be read")


async def _sequence(steps: tuple[Step, ...], work: Work, run_step: RunStep) -> _Ran:
    results: dict[str, Record] = {}
    for number, step in enumerate(steps, 1):
        place = work.inside(step.name)
        for allowance in work.allowances:
            allowance.take()
        record = await work.keep(
            place.path, functools.partial(run_step, step, number, len(steps), place), step.continue_on_error
        )
        work.scope.finished(step.name, record)
        results[step.name] = record
        if not record["success"] and not step.continue_on_error:
            return _Ran(results, record)
    return _Ran(results)


async def _for_loop(step: Step, loop: ForLoop, work: Work, run_step: RunStep) -> Record:
    items = _items(loop, work.scope)
    block = work.scope.fork()
    base = block.fork()
    places = asyncio.Semaphore(loop.max_parallel)

    async def one(index: int, seen: Scope) -> tuple[_Ran, Record]:
        values = {"item": items[index], **_numbers(index, len(items))}
        inner = replace(work.inside(index), scope=seen.fork(Loop(values, loop.iterator)))
        async with places, qd.step(f"{step.name}[{index}]", index=index + 1, total=len(items), kind="iteration"):
            ran = await _sequence(loop.body, inner, run_step)
        return ran, inner.scope.changes(seen)

    done: list[tuple[_Ran, Record]] = []
    if loop.max_parallel > 1:
        done = await _together([one(index, base) for index in range(len(items))])
        for _, changes in done:
            block.finished("", changes)
    else:
        for index in range(len(items)):
            ran, changes = await one(index, block)
            block.finished("", changes)
            done.append((ran, changes))
            if ran.failed is not None and loop.break_on_error:
                break
    return _loop_record(step, loop, items, [ran for ran, _ in done], block.changes(work.scope))


def _loop_record(step: Step, loop: ForLoop, items: list[Any], done: list[_Ran], changes: Record) -> Record:
    failed = [ran.failed for ran in done if ran.failed is not None]
    if failed and loop.break_on_error:
        raise BlockError(str(failed[0]["error"]), str(failed[0]["error_type"]))
    if failed:
        log.warning("step '%s': %d of %d iterations failed", step.name, len(failed), len(items))
    data = {
        "iterations": [_iteration(index, items[index], ran) for index, ran in enumerate(done)],
        "success": not failed,
        "total_items": len(items),
        "completed_items": len(done) - len(failed),
    }
    return _record(data, changes, done)


def _iteration(index: int, item: Any, ran: _Ran) -> dict[str, Any]:
    error = {"error": ran.failed["error"]} if ran.failed is not None else {}
    return {"index": index, "item": item, "success": ran.failed is None, "results": _values(ran.results), **error}


async def _while_loop(step: Step, loop: WhileLoop, work: Work, run_step: RunStep) -> Record:
    block = work.scope.fork()
    body = {each.name for each in loop.body}
    done: list[_Ran] = []
    ended = "condition"
    while _goes_on(loop, block, body):
        if len(done) == loop.max_iterations:
            ended = "max_iterations"
            log.warning("step '%s' ends after %d iterations: its condition still holds", step.name, len(done))
            break
        index = len(done)
        inner = replace(work.inside(index), scope=block.fork(Loop(_numbers(index, None))))
        async with qd.step(f"{step.name}[{index}]", index=index + 1, kind="iteration"):
            ran = await _sequence(loop.body, inner, run_step)
        if ran.failed is not None:
            raise BlockError(str(ran.failed["error"]), str(ran.failed["error_type"]))
        block.finished("", inner.scope.changes(block))
        # The condition and the next iteration see the results of this one.
        block.records.update(ran.results)
        done.append(ran)
    results = _values(done[-1].results) if done else {}
    data = {"success": True, "iterations": len(done), "ended_by": ended, "results": results}
    return _record(data, block.changes(work.scope), done)


def _goes_on(loop: WhileLoop, scope: Scope, body: set[str]) -> bool:
    try:
        return holds(loop.condition, scope.lookup)
    except ExpressionError:
        # Asks for the result of a step of the body, which has not run yet: the first iteration makes it.
        names = {str(segment) for each in references(loop.condition) for segment in each.path[:2]}
        if names & (body - scope.records.keys()):
            return True
        raise


async def _nested(step: Step, nested: Nested, work: Work, run_step: RunStep) -> Record:
    pipeline, outer = nested.pipeline, work.scope
    values = render_value(dict(nested.inputs), outer.lookup)
    if pipeline.inputs:
        values, problems = check(pipeline.inputs, values)
        if problems:
            said = "; ".join(f"input '{each.input}': {each.message}" for each in problems)
            raise BlockError(f"the inputs of the pipeline '{pipeline.name}' do not fit: {said}")
    scope = Scope(
        pipeline,
        outer.run_id,
        outer.created_ns,
        values,
        env=outer.given_env,
        outer=outer if nested.inherit_context else None,
    )
    inner = replace(
        work,
        scope=scope,
        folders=replace(work.folders, pipeline=pipeline.file.parent),
        file=pipeline.file.name,
        allowances=(*work.allowances, Allowance(step.name, nested.max_total_steps)),
    )
    ran = await _sequence(pipeline.steps, inner, run_step)
    if ran.failed is not None:
        raise BlockError(str(ran.failed["error"]), str(ran.failed["error_type"]))
    outputs = {name: scope.lookup(_path(path)) for name, path in nested.outputs}
    return _record(outputs if nested.outputs else _values(ran.results), {}, [ran])


def _path(written: str) -> Any:
    path = path_of(written)
    return path if path[0] in {"steps", "state", "variables", "inputs"} else ("steps", *path)


async def _together(work: list[Any]) -> list[Any]:
    """Wait for all; whoever breaks the wait off breaks all off."""
    running = [asyncio.ensure_future(each) for each in work]
    try:
        outcomes = await asyncio.gather(*running, return_exceptions=True)
    except asyncio.CancelledError:
        await asyncio.gather(*running, return_exceptions=True)
        raise
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return list(outcomes)


def _items(loop: ForLoop, scope: Scope) -> list[Any]:
    value = data_of(loop.source, scope.lookup)
    if not isinstance(value, list):
        raise ExpressionError(f"the loop needs a list, and '{loop.source}' is {as_text(value)[:80]!r}")
    if len(value) > _MAX_ITEMS:
        raise ExpressionError(f"the list has {len(value)} items, and a loop takes at most {_MAX_ITEMS}: use a batch")
    return value


def _numbers(index: int, total: int | None) -> dict[str, Any]:
    own: dict[str, Any] = {"index": index, "iteration": index + 1, "first": index == 0, "is_first": index == 0}
    if total is not None:
        last = index == total - 1
        own |= {"total": total, "length": total, "last": last, "is_last": last}
    return own


def _values(results: dict[str, Record]) -> dict[str, Any]:
    return {
        name: record["data"] if record.get("data") is not None else record["text"] for name, record in results.items()
    }


def _record(data: dict[str, Any], changes: Record, done: list[_Ran]) -> Record:
    costs = [record.get("cost_usd") for ran in done for record in ran.results.values()]
    known = [cost for cost in costs if cost is not None]
    return {
        "success": True,
        "text": as_text(data),
        "data": data,
        "cost_usd": sum(known) if known else None,
        **changes,
    }
