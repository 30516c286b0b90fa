"""Begin a run with the results of an earlier one: what is used again, and what an edited pipeline looks like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from dbos import DBOS

from quarterdeck_runner.definitions import pipeline_of
from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.options import Options
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import RunRow
from quarterdeck_runner.validate import validate

Edits = Mapping[str, Mapping[str, Any]]
"""New values of keys by step; a value of ``None`` takes the key away."""


class EditError(ValueError):
    """A run cannot be continued like this; the message says why.

    Args:
        message: what is wrong.
        errors: single problems.
    """

    def __init__(self, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors


async def records(run_id: str) -> dict[str, Record]:
    """What the finished steps of a run left behind, in the order of their ends."""
    steps = await DBOS.list_workflow_steps_async(run_id)
    kept = ((step["function_name"], step["output"]) for step in steps)
    return {name: output for name, output in kept if isinstance(output, dict) and "success" in output}


def kept(found: Mapping[str, Record], first: str) -> dict[str, Record]:
    """The results that are used again.

    Args:
        found: all there are, in order.
        first: the step that is done anew, with everything after it; empty for where the run failed or stopped.
    """
    names = list(found)
    if first:
        end = next((number for number, name in enumerate(names) if _belongs(name, first)), len(names))
    else:
        failed = bool(names) and not found[names[-1]]["success"]
        end = len(names) - failed
    return {name: found[name] for name in names[:end]}


def _belongs(name: str, step: str) -> bool:
    """Whether a step of the engine is a step of the pipeline or a part of it."""
    return name == step or (name.startswith(step) and name[len(step)] in "[/.")


def edited(row: RunRow, edits: Edits, files: Mapping[str, str]) -> tuple[Pipeline, str]:
    """The pipeline of a run with changed steps, and its text.

    Args:
        row: the run.
        edits: what to change.
        files: texts of nested pipelines, as the run keeps them.

    Raises:
        EditError: there is no such step, or the result is no right pipeline.
    """
    pipeline = pipeline_of(row, files)
    if not edits:
        return pipeline, row.source
    if row.kind == "python":
        raise EditError("the steps of a Python pipeline are in its code: change it there, and retry the run")
    # Read anew: the plain values of a pipeline are shared.
    document = yaml.safe_load(yaml.safe_dump(pipeline.document))
    steps = {str(step["name"]): step for step in _steps(document)}
    for name, changes in edits.items():
        if name not in steps:
            raise EditError(f"the pipeline has no step '{name}'{nearest(name, list(steps))}")
        steps[name].update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del steps[name][key]
    text = yaml.safe_dump({"workflow": document}, sort_keys=False, allow_unicode=True, width=100)
    found = validate(text, Path(row.file), files=files)
    if not found.runnable:
        errors = [vars(each) for each in found.diagnostics if each.severity == "error"]
        raise EditError("; ".join(str(each["message"]) for each in errors), errors)
    return replace(found.pipeline, version=pipeline.version), text


def _steps(node: Any) -> Iterator[dict[str, Any]]:
    """Every map in a list that has a name: a step, at whatever depth."""
    if isinstance(node, dict):
        for value in node.values():
            yield from _steps(value)
    elif isinstance(node, list):
        for item in node:
            if isinstance(item, dict) and "name" in item:
                yield item
            yield from _steps(item)


def first_of(pipeline: Pipeline, asked: str, changed: Sequence[str]) -> str:
    """The first step that a replay does anew.

    Args:
        pipeline: what runs.
        asked: the step that was asked for; empty for the first that changed.
        changed: the steps that changed.

    Raises:
        EditError: there is no such step, or a step before it changed.
    """
    names = [step.name for step in pipeline.steps]
    if asked and asked not in names:
        raise EditError(f"the pipeline has no step '{asked}'{nearest(asked, names)}")
    places = [names.index(name) for name in changed if name in names]
    first = asked or (names[min(places)] if places else names[0] if names else "")
    if places and names.index(first) > min(places):
        early = names[min(places)]
        raise EditError(f"the step '{early}' changed and comes before '{first}': replay from '{early}'")
    return first


def continued(options: Options, origin: str, relation: str, first: str, priority: int | None) -> Options:
    """Options of a run that continues another."""
    wanted = options.priority if priority is None else priority
    return replace(options, origin=origin, relation=relation, from_step=first, priority=wanted)
