"""Render the prompts of a pipeline without running it: which characters each part gives, and what is left open."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.prompt import RenderedPrompt
from quarterdeck_runner.compose import Folders, compose
from quarterdeck_runner.conditions import holds
from quarterdeck_runner.expressions import ExpressionError, references
from quarterdeck_runner.files import FileError
from quarterdeck_runner.providers import ModelCall
from quarterdeck_runner.scope import Record, Scope
from quarterdeck_runner.spec import Call, Pipeline, Step
from quarterdeck_runner.template import TemplateError, as_text, render, render_value

_PLACEHOLDER: Final = "«answer of step {name}»"
_NO_RUN: Final = "«id of the run»"
_OURS: Final = (ExpressionError, TemplateError, FileError, KeyError)


@dataclass(frozen=True)
class RenderedCall:
    """One model call with its prompt.

    Args:
        task: id of the branch of a parallel step; empty otherwise.
        call: the call; its prompt remembers its parts.
        problems: what is wrong or left open.
        waits_for: steps whose answer is not known, so that a placeholder stands for it.
    """

    task: str
    call: ModelCall
    problems: tuple[str, ...]
    waits_for: tuple[str, ...]


@dataclass(frozen=True)
class RenderedStep:
    """One step.

    Args:
        name: its name.
        kind: its type.
        skipped: whether its condition does not hold, as far as can be told.
        calls: its model calls.
    """

    name: str
    kind: str
    skipped: bool
    calls: tuple[RenderedCall, ...]


def rendered_steps(
    pipeline: Pipeline,
    inputs: Mapping[str, Any],
    results: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> list[RenderedStep]:
    """Render every prompt of a pipeline; nobody is asked and nothing is written.

    Args:
        pipeline: the pipeline.
        inputs: complete and checked.
        results: answers of steps, as far as they are known; a placeholder stands for the others.
        env: what the run sets of the pipeline's environment.
    """
    scope, folder = Scope(pipeline, _NO_RUN, time.time_ns(), inputs, env=env), pipeline.file.parent
    renderer = _Renderer(scope, Folders(folder, folder), results or {})
    return [renderer.step(step) for step in pipeline.steps]


class _Renderer:
    def __init__(self, scope: Scope, folders: Folders, known: Mapping[str, Any]) -> None:
        self._scope, self._folders, self._known = scope, folders, known
        self._unknown: list[str] = []

    def step(self, step: Step) -> RenderedStep:
        skipped = self._is_skipped(step)
        own = [("", step.call)] if step.call is not None else []
        calls = [*own, *((task.id, task.call) for task in step.tasks)] if not skipped else []
        rendered = tuple(self._call(step, task, call) for task, call in calls)
        self._scope.finished(step.name, self._record(step, skipped=skipped))
        return RenderedStep(step.name, step.type, skipped, rendered)

    def _is_skipped(self, step: Step) -> bool:
        named = {str(segment) for reference in references(step.condition) for segment in reference.path[:2]}
        if step.condition is None or named & set(self._unknown):
            return False
        try:
            return not holds(step.condition, self._scope.lookup)
        except ExpressionError:
            return False

    def _call(self, step: Step, task: str, call: Call) -> RenderedCall:
        problems = [
            f"{piece.slot.raw} stays as it is: {piece.problem}"
            for text in (call.system, *(part.text for part in call.prompt if part.kind == "static"))
            for piece in render(text, self._scope.lookup)
            if piece.slot is not None and piece.problem
        ]
        try:
            prompt = compose(call.prompt, self._scope, self._folders)
        except _OURS as error:
            problems.append(str(error))
            prompt = RenderedPrompt([])
        system = "".join(piece.text for piece in render(call.system, self._scope.lookup))
        asked = ModelCall(
            provider="gemini" if step.type.startswith("gemini") else "claude",
            model=call.model,
            prompt=prompt,
            system=system,
            budget=call.budget,
            timeout_s=call.timeout_s,
            client_retries=False,
        )
        waits = tuple(name for name in self._unknown if _PLACEHOLDER.format(name=name) in f"{system}{prompt}")
        return RenderedCall(task, asked, tuple(problems), waits)

    def _record(self, step: Step, *, skipped: bool) -> Record:
        if skipped:
            return {"success": True, "skipped": True, "text": ""}
        if step.name in self._known:
            return _of_value(self._known[step.name])
        if step.type == "set_variable":
            variables = render_value(dict(step.variables), self._scope.lookup)
            return {**_of_value(variables), "variables": variables}
        if step.type in {"echo", "test_echo"} and step.call is None:
            return _of_value(render_value(step.value, self._scope.lookup))
        self._unknown.append(step.name)
        text = _PLACEHOLDER.format(name=step.name)
        results = {task.id: {"success": True, "text": text} for task in step.tasks}
        return {"success": True, "text": text, "results": results}


def _of_value(value: Any) -> Record:
    return {"success": True, "text": as_text(value), "data": None if isinstance(value, str) else value}
