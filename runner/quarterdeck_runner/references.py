"""Check what a pipeline refers to: steps, inputs, variables, sessions and files."""

import bisect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from quarterdeck_runner.diagnostics import Position, Report, nearest
from quarterdeck_runner.expressions import ExpressionError, Reference, references
from quarterdeck_runner.files import candidates
from quarterdeck_runner.reading import Nesting
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import ForLoop, Nested, Part, Pipeline, Session, Step, Transform, WhileLoop, every
from quarterdeck_runner.template import TEMPLATE, Slot, slots, source_tree

STATE_ROOTS: Final = ("state", "variables", "global_vars")
WORKFLOW_FIELDS: Final = ("name", "version", "description")
RUN_WORDS: Final = ("timestamp", "date", "execution_id", "now")
LOOP_WORDS: Final = ("index", "iteration", "total", "length", "first", "last", "is_first", "is_last", "parent", "item")


def check(pipeline: Pipeline, top: Node, report: Report, source: str, nesting: Nesting | None = None) -> None:
    """Report every reference to something that is not there.

    Args:
        pipeline: the pipeline.
        top: the file's top node.
        report: receives the problems.
        source: the file's text, to find the place of a template.
        nesting: how another pipeline runs it.
    """
    checker = _Checker(pipeline, report, _Places(top, source), nesting)
    for step in pipeline.steps:
        checker.step(step)


class _Places:
    """Where the templates of a file stand, by their text."""

    def __init__(self, top: Node, source: str) -> None:
        # A file may hold tens of thousands of templates: everything is looked up, nothing gone through.
        spans = sorted({node.span for node in top.walk() if isinstance(node.value, str) and "{{" in node.value})
        begins = [begin for begin, _ in spans]
        self._lines = [0, *(match.end() for match in re.finditer("\n", source))]
        self._found: dict[str, list[Position]] = {}
        for match in TEMPLATE.finditer(source):
            at = bisect.bisect_right(begins, match.start()) - 1
            if at >= 0 and match.start() < spans[at][1]:
                self._found.setdefault(match[0], []).append(self._position(match.start()))

    def _position(self, index: int) -> Position:
        line = bisect.bisect_right(self._lines, index)
        return Position(line, index - self._lines[line - 1] + 1)

    def of(self, slot: Slot, default: Position) -> Position:
        places = self._found.get(slot.raw, [])
        at = bisect.bisect_left(places, default)
        return places[at] if at < len(places) else default


class _Names:
    """What can be referred to at one point of a pipeline."""

    def __init__(self, pipeline: Pipeline, nesting: Nesting | None) -> None:
        self.lenient = nesting is not None and nesting.lenient
        self.all = [step.name for step in every(pipeline.steps)]
        self.done: set[str] = set()
        self.variables = set(pipeline.variables)
        self.inputs = {spec.name for spec in pipeline.inputs} | set(nesting.inputs if nesting else ())
        self.env = set(pipeline.env)
        self.loops: list[str] = []
        """Names of the items of the loops around this point."""

    def missing(self, reference: Reference) -> str:
        """Why a reference leads nowhere; an empty text if it does not."""
        root, *rest = (str(segment) for segment in reference.path)
        if rest and root in _ROOTS:
            return "" if self.lenient else _ROOTS[root](self, rest[0])
        if root == "steps" and rest:
            return self.missing_step(rest[0])
        names = {*self.variables, *self.done, *self.inputs, *RUN_WORDS, *self.loops}
        if root in names or self.lenient:
            return ""
        if root in self.all:
            return self.missing_step(root)
        return f"nothing sets '{root}'{nearest(root, names)}"

    def missing_step(self, name: str) -> str:
        """Why there is no result of a step; an empty text if there is one."""
        if name in self.done or self.lenient:
            return ""
        if name in self.all:
            return f"the step '{name}' does not run before this one"
        return f"there is no step '{name}'{nearest(name, self.all)}"

    def missing_input(self, name: str) -> str:
        return "" if name in self.inputs else f"there is no input '{name}'{nearest(name, self.inputs)}"

    def missing_variable(self, name: str) -> str:
        if name in self.variables:
            return ""
        return f"nothing sets the variable '{name}' before{nearest(name, self.variables)}"

    def missing_loop(self, word: str) -> str:
        if not self.loops:
            return "`loop` has a meaning inside a loop only"
        words = {*LOOP_WORDS, *self.loops}
        return "" if word in words else f"a loop has no '{word}'{nearest(word, words)}"

    def missing_env(self, name: str) -> str:
        return "" if name in self.env else f"`env` does not declare '{name}'{nearest(name, self.env)}"


def _workflow_field(_: _Names, name: str) -> str:
    return "" if name in WORKFLOW_FIELDS else f"the workflow has no '{name}' to refer to"


_ROOTS: Final = {
    "inputs": _Names.missing_input,
    **dict.fromkeys(STATE_ROOTS, _Names.missing_variable),
    "workflow": _workflow_field,
    "loop": _Names.missing_loop,
    "env": _Names.missing_env,
}


class _Checker:
    def __init__(self, pipeline: Pipeline, report: Report, places: _Places, nesting: Nesting | None) -> None:
        self._pipeline, self._report, self._places = pipeline, report, places
        self._names = _Names(pipeline, nesting)
        self._sessions = {step.action.name for step in every(pipeline.steps) if isinstance(step.action, Session)}
        self._written: set[str] = set()

    def step(self, step: Step) -> None:
        outer_env = self._names.env
        self._names.env = outer_env | set(step.env)
        self._condition(step.condition, step)
        for call in step.calls:
            for part in call.prompt:
                self._part(part, step)
            self._texts(call.system, step.position)
        for text in _strings([step.value, dict(step.variables)]):
            self._texts(text, step.position)
        written = (step.output_to_file, *(task.output_to_file for task in step.tasks))
        for name in written:
            self._path(name, step.position, f"`output_to_file` of step '{step.name}'")
        self._action(step)
        self._names.variables |= set(step.variables)
        self._names.done.add(step.name)
        self._names.env = outer_env
        self._written |= {name for name in written if name}

    def _action(self, step: Step) -> None:
        action = step.action
        if isinstance(action, ForLoop):
            self._source(action.source, step)
            self._body(step, action.iterator)
        elif isinstance(action, WhileLoop):
            # A step of the body has no result before the first iteration, but after it.
            inside = {each.name for each in every(action.body)}
            names = {variable for each in every(action.body) for variable in each.variables}
            before = set(self._names.done), set(self._names.variables)
            self._names.done |= inside
            self._names.variables |= names
            self._condition(action.condition, step)
            self._names.done, self._names.variables = before
            self._body(step, "")
        elif isinstance(action, Nested):
            for text in _strings(dict(action.inputs)):
                self._texts(text, step.position)
            self._given(action, step)
        elif isinstance(action, Transform):
            self._source(action.source, step)
            for operation in action.operations:
                self._source(operation.options.get("right_source", []), step)
        elif is_dataclass(action):
            for text in _strings([getattr(action, each.name) for each in fields(action)]):
                self._path(text, step.position, f"step '{step.name}'")

    def _body(self, step: Step, iterator: str) -> None:
        done = set(self._names.done)
        self._names.loops.append(iterator)
        for each in step.body:
            self.step(each)
        self._names.loops.pop()
        # Results of the body are those of one iteration; afterwards there is the result of the loop.
        self._names.done = done

    def _given(self, action: Nested, step: Step) -> None:
        declared = action.pipeline.inputs
        names = [spec.name for spec in declared]
        for name in action.inputs if declared else ():
            if name not in names:
                message = f"step '{step.name}': the pipeline '{action.pipeline.name}' has no input '{name}'"
                self._report.error(step.position, message + nearest(name, names))
        for spec in declared:
            if spec.required and spec.name not in action.inputs:
                message = f"step '{step.name}': the pipeline '{action.pipeline.name}' needs the input '{spec.name}'"
                self._report.error(step.position, message)

    def _condition(self, tree: Any, step: Step) -> None:
        for reference in references(tree):
            if problem := self._names.missing(reference):
                self._report.error(step.position, f"the condition of step '{step.name}': {problem}")

    def _source(self, source: Any, step: Step) -> None:
        if not isinstance(source, str):
            for text in _strings(source):
                self._texts(text, step.position)
            return
        try:
            found = references(source_tree(source))
        except ExpressionError:
            return
        for reference in found:
            if problem := self._names.missing(reference):
                self._report.error(step.position, f"the data of step '{step.name}': {problem}")

    def _part(self, part: Part, step: Step) -> None:
        where = f"the prompt of step '{step.name}'"
        if part.kind in ("static", "claude_continue"):
            self._texts(part.text, part.position)
        if part.session and not slots(part.session):
            self._session(part, where)
        elif part.kind == "previous_response":
            if part.text and (problem := self._names.missing_step(part.text)):
                self._report.error(part.position, f"{where}: {problem}")
        elif part.kind == "file" and slots(part.text):
            self._path(part.text, part.position, f"the path in {where}")
        elif part.kind == "file" and part.text and part.text not in self._written:
            self._file(part, where)

    def _session(self, part: Part, where: str) -> None:
        known = self._sessions | self._names.done
        if part.session not in known and not self._names.lenient:
            problem = (
                f"there is no session '{part.session}' and no step of this name before{nearest(part.session, known)}"
            )
            self._report.error(part.position, f"{where}: {problem}")

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
        return [problem for reference in slot.references if (problem := self._names.missing(reference))][:1]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _strings(each)


def _folder(place: Path, written: str) -> str:
    text = str(place)
    return text.removesuffix(written).rstrip("/") or text
