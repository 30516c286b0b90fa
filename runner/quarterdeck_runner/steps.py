"""Run one attempt of a step: evaluate, ask, write; give the record that the step leaves behind."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from quarterdeck_runner.compose import Folders, compose, rendered
from quarterdeck_runner.files import write_output
from quarterdeck_runner.providers import Answer, ModelCall, Models
from quarterdeck_runner.scope import Record, Scope, parsed_json
from quarterdeck_runner.spec import CLAUDE_TYPES, Call, Step, Task
from quarterdeck_runner.template import as_text, render_strict, render_value


@dataclass(frozen=True)
class Work:
    """What a step works with.

    Args:
        scope: values of the run.
        folders: where it reads and writes.
        providers: whom it asks.
    """

    scope: Scope
    folders: Folders
    providers: Models


Branch = Callable[[Task], AbstractContextManager[Any]]
"""Opens the span of one parallel branch; gives its handle."""


async def attempt(step: Step, work: Work, branch: Branch = lambda _task: nullcontext()) -> Record:
    """Run a step once.

    Args:
        step: what to do.
        work: what it works with.
        branch: opens the span of a parallel branch.

    Raises:
        Exception: it failed; :func:`quarterdeck_runner.providers.explain` says what that means.
    """
    if step.type in CLAUDE_TYPES or step.type == "gemini":
        record = await _ask(step, step.call, work)
    elif step.type == "parallel_claude":
        record = await _ask_all(step, work, branch)
    elif step.type == "set_variable":
        record = _set(step, work.scope)
    else:
        record = _echo(step, work)
    if step.output_to_file:
        record["file"] = _write(step.output_to_file, record, work)
    return record


def _echo(step: Step, work: Work) -> Record:
    if step.call is not None:
        return {"success": True, "text": str(compose(step.call.prompt, work.scope, work.folders))}
    value = render_value(step.value, work.scope.lookup)
    data = None if isinstance(value, str) else value
    return {"success": True, "text": as_text(value), "data": data}


def _set(step: Step, scope: Scope) -> Record:
    variables = render_value(dict(step.variables), scope.lookup)
    return {"success": True, "text": as_text(variables), "data": variables, "variables": variables}


async def _ask(step: Step, call: Call | None, work: Work) -> Record:
    if call is None:
        raise ValueError(f"step '{step.name}' has no model call")
    prompt = compose(call.prompt, work.scope, work.folders)
    question = ModelCall(
        provider="gemini" if step.type == "gemini" else "claude",
        model=call.model,
        prompt=prompt,
        system=rendered(call.system, work.scope),
        budget=call.budget,
        timeout_s=call.timeout_s,
        client_retries=step.retry is None,
    )
    return _record(await work.providers.ask(question))


def _record(answer: Answer) -> Record:
    return {
        "success": True,
        "text": answer.text,
        "model": answer.model,
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
    }


async def _ask_all(step: Step, work: Work, branch: Branch) -> Record:
    async def one(task: Task) -> Record:
        with branch(task) as span:
            record = await _ask(step, task.call, work)
            if task.output_to_file:
                record["file"] = _write(task.output_to_file, record, work)
            if span is not None:
                span.output(record["text"])
            return record

    running = [asyncio.ensure_future(one(task)) for task in step.tasks]
    try:
        # All are waited for: an answer that is on its way is paid for anyhow.
        outcomes = await asyncio.gather(*running, return_exceptions=True)
    except asyncio.CancelledError:
        await asyncio.gather(*running, return_exceptions=True)
        raise
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed:
        raise failed[0]
    results = {
        task.id: outcome for task, outcome in zip(step.tasks, outcomes, strict=True) if isinstance(outcome, dict)
    }
    texts = {name: record["text"] for name, record in results.items()}
    return {"success": True, "text": as_text(texts), "data": texts, "results": results}


def _write(name: str, record: Record, work: Work) -> str:
    """Text as it is; into a ``.json`` file the JSON in it, else the whole record."""
    path = render_strict(name, work.scope.lookup)
    text = str(record["text"])
    if path.endswith(".json"):
        found = record.get("data") if record.get("data") is not None else parsed_json(text)
        text = json.dumps(record if found is None else found, ensure_ascii=False, indent=2) + "\n"
    return str(write_output(text, path, work.folders.outputs))
