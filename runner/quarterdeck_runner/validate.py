"""Read a pipeline file into a :class:`~quarterdeck_runner.spec.Pipeline`, and report every problem on the way."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from quarterdeck_runner import inputs, references, step_reader
from quarterdeck_runner.diagnostics import START, Diagnostic, Report, nearest
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.source import Node, read
from quarterdeck_runner.spec import INPUT_TYPES, KEYS, InputSpec, Pipeline, Step

_NO_EFFECT = {
    "workspace_dir": "steps run no tools that would need a folder",
    "checkpoint_enabled": "every finished step is kept by itself",
    "checkpoint_dir": "every finished step is kept by itself",
    "environment": "set the environment of the runner",
}
_ELSEWHERE = {"gemini_functions": "function calling is not supported yet by this runner"}


@dataclass(frozen=True)
class Validated:
    """A pipeline file after reading.

    Args:
        pipeline: the pipeline; only whole if there is no error.
        diagnostics: all problems, in the order of the file.
    """

    pipeline: Pipeline
    diagnostics: tuple[Diagnostic, ...]

    @property
    def runnable(self) -> bool:
        """Whether it has no error."""
        return all(each.severity != "error" for each in self.diagnostics)


def validate(text: str, file: Path, *, shown_as: str = "") -> Validated:
    """Read a pipeline.

    Args:
        text: content of the file.
        file: where it is; paths in it are relative to its folder.
        shown_as: its name in messages; the file's own name by default.
    """
    report = Report(shown_as or file.name)
    top = read(text, report)
    workflow = _workflow(top, report) if top is not None else None
    if top is None or workflow is None:
        return Validated(_empty(file), report.diagnostics)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    pipeline = _pipeline(workflow, report, file, version)
    references.check(pipeline, top, report, text)
    return Validated(pipeline, report.diagnostics)


def _empty(file: Path) -> Pipeline:
    return Pipeline(file.stem, "", "", file, (), {}, "", ())


def _workflow(top: Node, report: Report) -> Node | None:
    if not isinstance(top.value, dict):
        report.error(top.position, "a pipeline file must be a map: `workflow:` with `name` and `steps`")
        return None
    if "workflow" not in top.value and "steps" in top.value:
        return top
    workflow: Node | None = top.value.get("workflow")
    if workflow is None:
        report.error(START, f"there is no `workflow:`{nearest(next(iter(top.value), ''), ['workflow'])}")
        return None
    for key, where in top.keys.items():
        if key != "workflow":
            report.warning(where, f"'{key}' stands beside `workflow:` and is ignored: move it inside")
    if not isinstance(workflow.value, dict):
        report.error(workflow.position, f"`workflow:` must be a map with `name` and `steps`, not {shown(workflow)}")
        return None
    return workflow


def _pipeline(workflow: Node, report: Report, file: Path, version: str) -> Pipeline:
    fields = Fields(workflow, report, "the workflow")
    _warn_keys(fields)
    defaults = step_reader.read_defaults(fields)
    seed = {key: node.plain() for name in ("global_vars", "variables") for key, node in fields.entries(name).items()}
    steps = _steps(fields, report, defaults)
    return Pipeline(
        name=fields.text("name", required=True).strip() or file.stem,
        version=fields.text("version", version, loose=True),
        description=fields.text("description"),
        file=file,
        inputs=_inputs(fields, report),
        variables=seed,
        output_dir=_output_dir(fields, report),
        steps=steps,
        document=workflow.plain(),
    )


def _warn_keys(fields: Fields) -> None:
    fields.warn_ignored(_NO_EFFECT)
    for key, where in fields.node.keys.items():
        if key in _ELSEWHERE:
            fields.report.error(where, f"`{key}`: {_ELSEWHERE[key]}")
        elif key not in KEYS["workflow"]:
            message = f"the workflow has no key '{key}': it is ignored{nearest(key, KEYS['workflow'])}"
            fields.report.warning(where, message)


def _output_dir(fields: Fields, report: Report) -> str:
    node = fields.map("defaults")
    if node is None:
        return ""
    inner = Fields(node, report, "`defaults`")
    written = inner.text("output_dir")
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        message = (
            f"`output_dir` must be a relative path without '..', not '{written}': it lies in the runner's output folder"
        )
        report.error(inner.at("output_dir"), message)
        return ""
    parts = path.parts[1:] if path.parts[:1] == ("outputs",) else path.parts
    return str(PurePosixPath(*parts)) if parts else ""


def _steps(fields: Fields, report: Report, defaults: step_reader.Defaults) -> tuple[Step, ...]:
    steps: list[Step] = []
    first: dict[str, int] = {}
    for number, node in enumerate(fields.items("steps", required=True), 1):
        step = step_reader.read_step(node, number, report, defaults)
        if step.name in first:
            message = f"two steps are called '{step.name}' (the other in line {first[step.name]}): rename one"
            report.error(step.position, message)
        first.setdefault(step.name, step.position.line)
        steps.append(step)
    return tuple(steps)


def _inputs(fields: Fields, report: Report) -> tuple[InputSpec, ...]:
    node = fields.get("inputs")
    if node is None:
        return ()
    pairs: list[tuple[str, Node]] = []
    if isinstance(node.value, dict):
        pairs = list(node.value.items())
    elif isinstance(node.value, tuple):
        pairs = [_listed(item, report) for item in node.value]
    else:
        report.error(node.position, "`inputs` must be a map: `name: {type, default, description}`")
    return tuple(_input(name, each, report) for name, each in pairs if name)


def _input_type(fields: Fields, default: str) -> str:
    word = fields.text("type", default)
    kind = inputs.type_named(word)
    if kind is None:
        words = INPUT_TYPES
        message = f"`type` of {fields.where} must be one of {', '.join(words)}, not '{word}'{nearest(word, words)}"
        fields.report.error(fields.at("type"), message)
    return kind or default


def _listed(item: Node, report: Report) -> tuple[str, Node]:
    fields = Fields(item, report, "an input", ("id", "name", "defaults", *KEYS["input"]))
    name = fields.text("id") or fields.text("name", required=True)
    values = {
        key: node
        for key, node in (item.value if isinstance(item.value, dict) else {}).items()
        if key not in {"id", "name"}
    }
    if "defaults" in values:
        values.setdefault("default", values.pop("defaults"))
    keys = {"default" if key == "defaults" else key: where for key, where in item.keys.items()}
    return name, Node(values, item.position, keys=keys)


def _input(name: str, node: Node, report: Report) -> InputSpec:
    where = f"input '{name}'"
    if not isinstance(node.value, dict):
        kind = inputs.type_of(node.plain())
        return InputSpec(name, kind, node.plain(), required=node.value is None, description="", position=node.position)
    fields = Fields(node, report, where, KEYS["input"])
    given = fields.get("default")
    default: Any = given.plain() if given is not None else None
    kind = _input_type(fields, inputs.type_of(default))
    if given is not None and (problem := inputs.problem(kind, default)):
        report.error(given.position, f"`default` of {where} {problem}")
    required = fields.flag("required", default=given is None)
    return InputSpec(name, kind, default, required, fields.text("description"), node.position)
