"""Read the steps that work without a model: ``data_transform`` and ``file_ops``."""

from pathlib import PurePosixPath
from typing import Any, Final

from quarterdeck_runner.conditions import combined
from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import FileOperation, Operation, Transform
from quarterdeck_runner.template import source_tree
from quarterdeck_runner.vocabulary import AGGREGATES, CASES, CONVERSIONS, FILE_OPERATIONS, KEYS, OPERATIONS, ORDERS

_NEEDED: Final = {
    "filter": ("condition",),
    "map": (),
    "aggregate": ("function",),
    "join": ("left_field", "right_source"),
    "group_by": ("field",),
    "sort": (),
}
_PATHS: Final = {
    "copy": ("source", "destination"),
    "stream_copy": ("source", "destination"),
    "move": ("source", "destination"),
    "convert": ("source", "destination"),
    "delete": ("path",),
    "list": (),
    "validate": (),
}


def read_transform(fields: Fields) -> Transform:
    """Read what is special to ``data_transform``."""
    node = fields.get("input_source")
    if node is None:
        message = f"{fields.where} needs `input_source`: the name of a step or variable, or a list"
        fields.report.error(fields.node.position, message)
    else:
        _readable(node, fields, "input_source")
    operations = [_operation(each, number, fields) for number, each in enumerate(fields.items("operations"), 1)]
    return Transform(
        node.plain() if node is not None else [],
        tuple(operation for operation in operations if operation is not None),
        fields.text("output_field"),
    )


def _readable(node: Node, fields: Fields, key: str) -> None:
    if isinstance(node.value, tuple):
        return
    if not isinstance(node.value, str):
        message = f"`{key}` of {fields.where} must be a list or the name of one, not {shown(node)}"
        fields.report.error(node.position, message)
        return
    try:
        source_tree(node.value)
    except ExpressionError as error:
        fields.report.error(node.position, f"`{key}` of {fields.where} cannot be read: {error}")


def _operation(node: Node, number: int, owner: Fields) -> Operation | None:
    where = f"operation {number} of {owner.where}"
    bare = Fields(node, owner.report, where)
    kind = bare.choice("operation", OPERATIONS, "")
    if not kind:
        if isinstance(node.value, dict) and bare.get("operation") is None:
            owner.report.error(node.position, f"{where} needs `operation`: one of {', '.join(OPERATIONS)}")
        return None
    fields = Fields(node, owner.report, where, KEYS[f"operation.{kind}"])
    options = {key: each.plain() for key, each in fields.node.value.items() if key != "operation"}
    for key in _NEEDED[kind]:
        if fields.get(key) is None:
            owner.report.error(node.position, f"{where} needs `{key}`")
    for key in ("field", "left_field", "right_field", "join_key"):
        fields.text(key)
    if kind == "filter" and fields.get("condition") is not None:
        options["condition"] = _condition(fields)
    _check_words(fields, kind)
    return Operation(kind, options)


def _check_words(fields: Fields, kind: str) -> None:
    if kind == "aggregate":
        fields.choice("function", AGGREGATES, "")
    if kind == "sort":
        fields.choice("order", ORDERS, "asc")
    if kind == "map":
        fields.choice("expression", CASES, "")
        fields.map("mapping")
        if (fields.get("mapping") is None) == (fields.get("expression") is None):
            message = f"{fields.where} needs one of `mapping`, a map of old and new values, and `expression`"
            fields.report.error(fields.node.position, message)
    node = fields.get("right_source")
    if node is not None:
        _readable(node, fields, "right_source")


def _condition(fields: Fields) -> Any:
    node = fields.node.value["condition"]
    try:
        return combined(node.plain())
    except ExpressionError as error:
        fields.report.error(node.position, f"`condition` of {fields.where} cannot be read: {error}")
        return None


def read_file_operation(fields: Fields) -> FileOperation | None:
    """Read what is special to ``file_ops``."""
    kind = fields.text("operation", required=True)
    if kind not in FILE_OPERATIONS:
        if kind:
            hint = nearest(kind, FILE_OPERATIONS) or f": there are {', '.join(FILE_OPERATIONS)}"
            message = f"{fields.where}: there is no file operation '{kind}'{hint}"
            if kind == "stream_process":
                message = f"{fields.where}: 'stream_process' is refused: its processors belong to another program"
            fields.report.error(fields.node.value["operation"].position, message)
        return None
    options: dict[str, Any] = {}
    for key in _PATHS[kind]:
        options[key] = fields.text(key, required=True)
        _check_path(options[key], fields, key)
    if kind == "convert":
        _format(fields)
        options["format"] = fields.text("format")
    if kind == "list":
        options |= {"path": fields.text("path", "."), "pattern": fields.text("pattern", "*")}
        _check_path(options["path"], fields, "path")
    if kind == "validate":
        options["files"] = [_rule(node, number, fields) for number, node in _files(fields)]
    return FileOperation(kind, options)


def _format(fields: Fields) -> None:
    if fields.get("format") is None:
        fields.report.error(fields.node.position, f"{fields.where} needs `format`: one of {', '.join(CONVERSIONS)}")
    fields.choice("format", CONVERSIONS, "")


def _files(fields: Fields) -> list[tuple[int, Node]]:
    return list(enumerate(fields.items("files", required=True), 1))


def _rule(node: Node, number: int, owner: Fields) -> dict[str, Any]:
    fields = Fields(node, owner.report, f"file {number} of {owner.where}", KEYS["file_rule"])
    path = fields.text("path", required=isinstance(node.value, dict))
    _check_path(path, fields, "path")
    return {
        "path": path,
        "must_exist": fields.flag("must_exist", default=True),
        "must_be_file": fields.flag("must_be_file"),
        "must_be_dir": fields.flag("must_be_dir"),
        "min_size": fields.integer("min_size", 0, 1 << 40),
        "max_size": fields.integer("max_size", 0, 1 << 40),
    }


def _check_path(written: str, fields: Fields, key: str) -> None:
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        message = f"`{key}` of {fields.where} must stay in the workspace: write a relative path without '..'"
        fields.report.error(fields.at(key), message)
