"""Read the prompt of a step: a text, or a list of parts."""

from typing import Final

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.fields import Fields
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import KEYS, KNOWN_PART_TYPES, PART_TYPES, Part

_OTHERS: Final = {
    "extract_with": "use `extract`",
    "summary": "ask for a summary in a step of its own",
    "max_length": "ask for a short answer",
    "prefix": "put a static part before it",
}


def read_prompt(fields: Fields) -> tuple[Part, ...]:
    """Read ``prompt``.

    Args:
        fields: the step or task that has it.
    """
    node = fields.get("prompt")
    if node is None or node.value in ("", ()):
        message = f"{fields.where} needs `prompt`: a text, or a list of parts of type {', '.join(PART_TYPES)}"
        fields.report.error(fields.at("prompt"), message)
        return ()
    if isinstance(node.value, str):
        return (Part("static", node.value, position=node.position),)
    if not isinstance(node.value, tuple):
        message = f"`prompt` of {fields.where} must be a text or a list of parts, not {node.raw or 'a map'}"
        fields.report.error(node.position, message)
        return ()
    found = (_part(item, number, fields) for number, item in enumerate(node.value, 1))
    return tuple(part for part in found if part is not None)


def _part(node: Node, number: int, owner: Fields) -> Part | None:
    where = f"part {number} of the prompt of {owner.where}"
    if isinstance(node.value, str):
        return Part("static", node.value, position=node.position)
    bare = Fields(node, owner.report, where)
    kind = bare.text("type", required=isinstance(node.value, dict))
    if kind in KNOWN_PART_TYPES:
        owner.report.error(bare.at("type"), f"{where}: the part type '{kind}' is not supported yet by this runner")
        return None
    if kind not in PART_TYPES:
        if kind:
            hint = nearest(kind, PART_TYPES) or f": there are {', '.join(PART_TYPES)}"
            owner.report.error(bare.at("type"), f"{where}: there is no part type '{kind}'{hint}")
        return None
    known = (*KEYS[f"part.{kind}"], *(_OTHERS if kind == "previous_response" else ()))
    fields = Fields(node, owner.report, where, known)
    for key, instead in _OTHERS.items():
        if key in fields and kind == "previous_response":
            owner.report.warning(fields.at(key), f"{where}: `{key}` has no effect here: {instead}")
    if kind == "static":
        return Part("static", fields.text("content", required=True), position=node.position)
    if kind == "file":
        return Part("file", fields.text("path", required=True), position=node.position)
    return Part(
        "previous_response",
        fields.text("step", required=True),
        extract=fields.text("extract"),
        strict=fields.flag("strict"),
        position=node.position,
    )
