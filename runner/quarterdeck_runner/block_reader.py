"""Read the steps that have steps inside: loops and nested pipelines."""

from typing import Any, Final

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.reading import MAX_DEPTH, Nesting, Reading, one_of, read_condition
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import ForLoop, Nested, WhileLoop
from quarterdeck_runner.template import source_tree
from quarterdeck_runner.vocabulary import KEYS

_MAX_ITERATIONS: Final = 1000
_MAX_PARALLEL: Final = 10
_PARALLEL: Final = 5
_MAX_STEPS: Final = 100_000


def read_block(reading: Reading, fields: Fields, kind: str) -> ForLoop | WhileLoop | Nested | None:
    """Read what is special to a loop or a nested pipeline.

    Args:
        reading: where the step stands.
        fields: the step.
        kind: its type.
    """
    if kind == "for_loop":
        return _for_loop(reading, fields)
    return _while_loop(reading, fields) if kind == "while_loop" else _nested(reading, fields)


def _for_loop(reading: Reading, fields: Fields) -> ForLoop:
    fields.warn_ignored({"batch_size": "`max_parallel` says how many iterations run at once"})
    node = one_of(fields, ("data_source", "over"))
    source = _source(node, fields)
    parallel = fields.flag("parallel")
    at_once = fields.integer("max_parallel", 1, _MAX_PARALLEL) or _PARALLEL
    return ForLoop(
        source=source,
        iterator=fields.text("iterator") or fields.text("as") or "item",
        body=reading.steps(reading, fields),
        max_parallel=at_once if parallel else 1,
        break_on_error=fields.flag("break_on_error", default=True),
    )


def _source(node: Node | None, fields: Fields) -> Any:
    if node is None:
        message = f"{fields.where} needs `data_source`: a list, or the name of a step or variable that holds one"
        fields.report.error(fields.node.position, message)
        return []
    if isinstance(node.value, tuple):
        return node.plain()
    if not isinstance(node.value, str):
        message = f"`data_source` of {fields.where} must be a list or the name of one, not {shown(node)}"
        fields.report.error(node.position, message)
        return []
    try:
        source_tree(node.value)
    except ExpressionError as error:
        fields.report.error(node.position, f"`data_source` of {fields.where} cannot be read: {error}")
        return []
    return node.value


def _while_loop(reading: Reading, fields: Fields) -> WhileLoop:
    if fields.get("condition") is None:
        fields.report.error(fields.node.position, f"{fields.where} needs `condition`: it runs as long as that holds")
    iterations = fields.integer("max_iterations", 1, _MAX_ITERATIONS)
    return WhileLoop(read_condition(fields, ("condition",)), reading.steps(reading, fields), iterations or 100)


def _nested(reading: Reading, fields: Fields) -> Nested | None:
    node, file = fields.map("pipeline"), fields.text("pipeline_file")
    if "pipeline_ref" in fields:
        message = f"{fields.where}: `pipeline_ref` is refused: name the file in `pipeline_file`"
        fields.report.error(fields.at("pipeline_ref"), message)
        return None
    if (node is None) == (not file):
        message = f"{fields.where} needs one of `pipeline_file`, the path of a file, and `pipeline`, a map with `steps`"
        fields.report.error(fields.node.position, message)
        return None
    config = fields.map("config")
    inner = Fields(config or Node({}, fields.node.position), fields.report, f"`config` of {fields.where}")
    if config is not None:
        Fields(config, fields.report, f"`config` of {fields.where}", KEYS["nested_config"])
    inner.warn_ignored(
        {
            "memory_limit_mb": "a nested pipeline runs in the process of the runner",
            "timeout_seconds": "write `timeout` at the step",
        }
    )
    inputs = {name: each.plain() for name, each in fields.entries("inputs").items()}
    inherit = inner.flag("inherit_context")
    depth = inner.integer("max_depth", 1, MAX_DEPTH) or MAX_DEPTH
    pipeline = reading.nested(reading, Nesting(node, file, tuple(inputs), inherit, depth, fields))
    if pipeline is None:
        return None
    steps = inner.integer("max_total_steps", 1, _MAX_STEPS) or Nested.max_total_steps
    return Nested(pipeline, inputs, _outputs(fields, {step.name for step in pipeline.steps}), inherit, steps)


def _outputs(fields: Fields, steps: set[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for number, node in enumerate(fields.items("outputs"), 1):
        where = f"output {number} of {fields.where}"
        if isinstance(node.value, str):
            path = name = node.value
            # A bare name is the name of what comes out; a path is known by its last word.
            name = name if name in steps else name.rpartition(".")[2]
        else:
            inner = Fields(node, fields.report, where, KEYS["output"])
            path = inner.text("path", required=True)
            name = inner.text("as") or path.rpartition(".")[2]
        root = path.removeprefix("steps.").partition(".")[0].partition("[")[0]
        if path and root not in steps and root not in {"state", "variables", "inputs"}:
            message = f"{where}: the pipeline has no step '{root}'{nearest(root, steps)}"
            fields.report.error(node.position, message)
        found.append((name, path))
    return tuple(found)
