"""Check what a pipeline refers to: steps, inputs, variables and files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarterdeck_runner.diagnostics import Position, Report, nearest
from quarterdeck_runner.expressions import Reference, references
from quarterdeck_runner.files import candidates
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import Part, Pipeline, Step
from quarterdeck_runner.template import Slot, slots

STATE_ROOTS: Final = ("state", "variables", "global_vars")
WORKFLOW_FIELDS: Final = ("name", "version", "description")
RUN_WORDS: Final = ("timestamp", "date", "execution_id")


def check(pipeline: Pipeline, top: Node, report: Report, source: str) -> None:
    """Report every reference to something that is not there.

    Args:
        pipeline: the pipeline.
        top: the file's top node.
        report: receives the problems.
        source: the file's text, to find the place of a template.
    """
    checker = _Checker(pipeline, report, _Places(top, source))
    for step in pipeline.steps:
        checker.step(step)


class _Places:
    """Where the templates of a file stand, by their text: each place is given once."""

    def __init__(self, top: Node, source: str) -> None:
        self._source = source
        self._nodes = [node for node in top.walk() if isinstance(node.value, str) and "{{" in node.value]
        self._found: dict[str, list[Position]] = {}
        for match in re.finditer(r"\{\{.{1,2000}?\}\}", source, re.DOTALL):
            if any(node.span[0] <= match.start() < node.span[1] for node in self._nodes):
                self._found.setdefault(match[0], []).append(self._position(match.start()))

    def _position(self, index: int) -> Position:
        before = self._source[:index]
        return Position(before.count("\n") + 1, index - before.rfind("\n"))

    def of(self, slot: Slot, default: Position) -> Position:
        places = [place for place in self._found.get(slot.raw, ()) if place >= default]
        return places[0] if places else default


class _Checker:
    def __init__(self, pipeline: Pipeline, report: Report, places: _Places) -> None:
        self._pipeline, self._report, self._places = pipeline, report, places
        self._all = [step.name for step in pipeline.steps]
        self._done: list[str] = []
        self._variables = set(pipeline.variables)
        self._inputs = {spec.name for spec in pipeline.inputs}
        self._written: set[str] = set()

    def step(self, step: Step) -> None:
        for reference in references(step.condition):
            if problem := self._missing(reference):
                self._report.error(step.position, f"the condition of step '{step.name}': {problem}")
        for call in step.calls:
            for part in call.prompt:
                self._part(part, step)
            self._texts(call.system, step.position)
        for text in _strings([step.value, dict(step.variables)]):
            self._texts(text, step.position)
        for name in (step.output_to_file, *(task.output_to_file for task in step.tasks)):
            self._path(name, step.position, f"`output_to_file` of step '{step.name}'")
        self._variables |= set(step.variables)
        self._done.append(step.name)
        self._written |= {name for name in (step.output_to_file, *(t.output_to_file for t in step.tasks)) if name}

    def _part(self, part: Part, step: Step) -> None:
        where = f"the prompt of step '{step.name}'"
        if part.kind == "static":
            self._texts(part.text, part.position)
        elif part.kind == "previous_response":
            if part.text and (problem := self._missing_step(part.text)):
                self._report.error(part.position, f"{where}: {problem}")
        elif slots(part.text):
            self._path(part.text, part.position, f"the path in {where}")
        elif part.text and part.text not in self._written:
            self._file(part, where)

    def _file(self, part: Part, where: str) -> None:
        places = candidates(part.text, self._pipeline.file.parent)
        if not any(place.is_file() for place in places):
            tried = " and ".join(_folder(place, part.text) for place in places)
            self._report.error(part.position, f"{where}: there is no file '{part.text}' in {tried}")

    def _texts(self, text: str, position: Position) -> None:
        for slot in slots(text):
            for problem in self._slot(slot):
                message = f"{slot.raw} stays as it is: {problem}"
                self._report.warning(self._places.of(slot, position), message)

    def _path(self, text: str, position: Position, where: str) -> None:
        for slot in slots(text):
            for problem in self._slot(slot):
                self._report.error(self._places.of(slot, position), f"{where}: {slot.raw} has no value: {problem}")

    def _slot(self, slot: Slot) -> list[str]:
        if slot.tree is None:
            return [slot.problem]
        return [problem for reference in slot.references if (problem := self._missing(reference))][:1]

    def _missing(self, reference: Reference) -> str:  # noqa: PLR0911 - one return for each root
        root, *rest = (str(segment) for segment in reference.path)
        if root == "steps" and rest:
            return self._missing_step(rest[0])
        if root == "inputs" and rest:
            return "" if rest[0] in self._inputs else f"there is no input '{rest[0]}'{nearest(rest[0], self._inputs)}"
        if root in STATE_ROOTS and rest:
            known = self._variables
            return "" if rest[0] in known else f"nothing sets the variable '{rest[0]}' before{nearest(rest[0], known)}"
        if root == "workflow" and rest:
            return "" if rest[0] in WORKFLOW_FIELDS else f"the workflow has no '{rest[0]}' to refer to"
        names = {*self._variables, *self._done, *self._inputs, *RUN_WORDS}
        if root in names:
            return ""
        if root in self._all:
            return self._missing_step(root)
        return f"nothing sets '{root}'{nearest(root, names)}"

    def _missing_step(self, name: str) -> str:
        if name in self._done:
            return ""
        if name in self._all:
            return f"the step '{name}' does not run before this one"
        return f"there is no step '{name}'{nearest(name, self._all)}"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _folder(place: Path, written: str) -> str:
    text = str(place)
    return text.removesuffix(written).rstrip("/") or text
