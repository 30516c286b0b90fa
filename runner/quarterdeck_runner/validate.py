"""Read a pipeline file into a :class:`~quarterdeck_runner.spec.Pipeline`, and report every problem on the way."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from quarterdeck_runner import inputs, references, step_reader
from quarterdeck_runner.call_reader import read_function
from quarterdeck_runner.diagnostics import START, Diagnostic, Report, nearest
from quarterdeck_runner.environment import environment_problem
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.files import FileError, read_pipeline_file
from quarterdeck_runner.reading import Defaults, Nesting, Reading, read_texts
from quarterdeck_runner.source import Node, read
from quarterdeck_runner.spec import Function, InputSpec, Pipeline
from quarterdeck_runner.vocabulary import INPUT_TYPES, KEYS

_NO_EFFECT = {
    "checkpoint_dir": "every finished step is kept with its run",
    "environment": "declare variables of the environment in `env`",
}


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


def validate(text: str, file: Path, *, shown_as: str = "", files: Mapping[str, str] | None = None) -> Validated:
    """Read a pipeline.

    Args:
        text: content of the file.
        file: where it is; paths in it are relative to its folder.
        shown_as: its name in messages; the file's own name by default.
        files: texts of nested files, by path, as a run keeps them; by default they are read.
    """
    report = Report(shown_as or file.name)
    top = read(text, report)
    workflow = _workflow(top, report) if top is not None else None
    if top is None or workflow is None:
        return Validated(_empty(file), report.diagnostics)
    reading = Reading(report, file, text, (file.resolve(),), {}, files, read_nested, step_reader.read_steps)
    pipeline = _pipeline(workflow, reading)
    references.check(pipeline, top, report, text)
    return Validated(pipeline, report.diagnostics)


def read_nested(reading: Reading, nesting: Nesting) -> Pipeline | None:
    """Read a pipeline inside a pipeline; ``None`` if it cannot be read.

    Args:
        reading: where the step is that runs it.
        nesting: what to read.
    """
    if len(reading.stack) > nesting.max_depth:
        message = f"{nesting.owner.where}: pipelines are nested deeper than {nesting.max_depth} levels"
        reading.report.error(nesting.owner.node.position, message)
        return None
    if nesting.node is not None:
        top, inner = nesting.node, replace(reading, stack=(*reading.stack, Path()))
    else:
        opened = _opened(reading, nesting)
        if opened is None:
            return None
        top, inner = opened
    workflow = top if nesting.node is not None and "workflow" not in top.value else _workflow(top, inner.report)
    if workflow is None:
        return None
    name = nesting.owner.where.partition("'")[2].rstrip("'")
    pipeline = _pipeline(workflow, inner, name if nesting.node is not None else "")
    references.check(pipeline, top, inner.report, inner.source, nesting)
    return pipeline


def _opened(reading: Reading, nesting: Nesting) -> tuple[Node, Reading] | None:
    """The file of a nested pipeline, read."""
    where, position = nesting.owner.where, nesting.owner.at("pipeline_file")
    try:
        path, text = read_pipeline_file(nesting.file, reading.file.parent, reading.kept)
    except FileError as error:
        reading.report.error(position, f"{where}: {error}")
        return None
    if path.resolve() in reading.stack:
        chain = " → ".join(each.name for each in (*reading.stack, path) if each.name)
        reading.report.error(position, f"{where}: the pipelines run each other without end: {chain}")
        return None
    reading.files[str(path)] = text
    report = reading.report.nested(str(Path(reading.report.file).parent / nesting.file))
    top = read(text, report)
    if top is None:
        return None
    return top, replace(
        reading,
        report=report,
        file=path,
        source=text,
        stack=(*reading.stack, path.resolve()),
        defaults=Defaults(),
        functions={},
    )


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


def _pipeline(workflow: Node, outer: Reading, name: str = "") -> Pipeline:
    """Read a workflow; ``name`` is that of one in place, which needs none of its own."""
    report, file = outer.report, outer.file
    fields = Fields(workflow, report, "the workflow", KEYS["workflow"])
    _warn_keys(fields)
    own = step_reader.read_defaults(fields)
    functions = {**outer.functions, **_functions(fields)}
    # A pipeline in place goes by the defaults around it, unless it has its own.
    reading = replace(
        outer, defaults=own if fields.map("defaults") is not None else outer.defaults, functions=functions
    )
    seed = {key: node.plain() for each in ("global_vars", "variables") for key, node in fields.entries(each).items()}
    version = hashlib.sha256(outer.source.encode("utf-8", "replace")).hexdigest()[:12]
    return Pipeline(
        name=fields.text("name", required=not name).strip() or name or file.stem,
        version=fields.text("version", version, loose=True),
        description=fields.text("description"),
        file=file,
        inputs=_inputs(fields, report),
        variables=seed,
        output_dir=_output_dir(fields, report),
        steps=reading.steps(reading, fields),
        document=workflow.plain(),
        env=_env(fields),
        max_cost_usd=fields.number("max_cost_usd", 0.000001, 1_000_000),
        workspace=_relative(fields, "workspace_dir") or "workspace",
        files=reading.files,
    )


def _functions(fields: Fields) -> dict[str, Function]:
    found = {}
    for key in ("gemini_functions", "functions"):
        for name, node in fields.entries(key).items():
            found[name] = read_function(name, Fields(node, fields.report, f"function '{name}'", KEYS["function"]))
    return found


def _env(fields: Fields) -> dict[str, str]:
    found = read_texts(fields, "env")
    for name in found:
        if problem := environment_problem(name):
            fields.report.error(fields.node.value["env"].keys[name], f"`env` of the workflow: '{name}' {problem}")
    return found


def _warn_keys(fields: Fields) -> None:
    fields.warn_ignored(_NO_EFFECT)
    node = fields.get("checkpoint_enabled")
    if node is not None and node.value is False:
        message = "`checkpoint_enabled: false` has no effect here: every finished step is kept by itself"
        fields.report.warning(fields.at("checkpoint_enabled"), message)
    fields.flag("checkpoint_enabled")


def _relative(fields: Fields, key: str) -> str:
    written = fields.text(key)
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        message = (
            f"`{key}` must be a relative path without '..', not '{written}': it lies in the runner's output folder"
        )
        fields.report.error(fields.at(key), message)
        return ""
    return str(path) if path.parts else ""


def _output_dir(fields: Fields, report: Report) -> str:
    node = fields.map("defaults")
    if node is None:
        return ""
    parts = PurePosixPath(_relative(Fields(node, report, "`defaults`"), "output_dir")).parts
    parts = parts[1:] if parts[:1] == ("outputs",) else parts
    return str(PurePosixPath(*parts)) if parts else ""


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
