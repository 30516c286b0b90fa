"""Read the prompt of a step: a text, or a list of parts."""

from typing import Final

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.fields import Fields
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import Part
from quarterdeck_runner.vocabulary import KEYS, PART_TYPES

_OTHERS: Final = {
    "extract_with": "use `extract`",
    "summary": "ask for a summary in a step of its own",
    "max_length": "ask for a short answer",
    "prefix": "put a static part before it",
}
_WITHOUT_EFFECT: Final = {
    "file": {"variables": "the text of a file is never a template", "inject_as": "put a static part before it"},
    "previous_response": _OTHERS,
}


def read_prompt(fields: Fields, *, sessions: bool = True) -> tuple[Part, ...]:
    """Read ``prompt``.

    Args:
        fields: the step or task that has it.
        sessions: whether it may continue a session.
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
    found = [_part(item, number, fields) for number, item in enumerate(node.value, 1)]
    parts = tuple(part for part in found if part is not None)
    _check_sessions(parts, fields, allowed=sessions)
    return parts


def _check_sessions(parts: tuple[Part, ...], fields: Fields, *, allowed: bool) -> None:
    continued = [part for part in parts if part.kind == "claude_continue"]
    if continued and not allowed:
        fields.report.error(continued[0].position, f"{fields.where}: only Claude's steps continue a session of Claude")
    for part in continued[1:]:
        fields.report.error(part.position, f"{fields.where}: a prompt continues one session, not several")


def _part(node: Node, number: int, owner: Fields) -> Part | None:
    where = f"part {number} of the prompt of {owner.where}"
    if isinstance(node.value, str):
        return Part("static", node.value, position=node.position)
    bare = Fields(node, owner.report, where)
    kind = bare.text("type", required=isinstance(node.value, dict))
    if kind not in PART_TYPES:
        if kind:
            hint = nearest(kind, PART_TYPES) or f": there are {', '.join(PART_TYPES)}"
            owner.report.error(bare.at("type"), f"{where}: there is no part type '{kind}'{hint}")
        return None
    others = _WITHOUT_EFFECT.get(kind, {})
    fields = Fields(node, owner.report, where, (*KEYS[f"part.{kind}"], *others))
    for key, instead in others.items():
        if key in fields:
            owner.report.warning(fields.at(key), f"{where}: `{key}` has no effect here: {instead}")
    return _READERS[kind](fields)


def _static(fields: Fields) -> Part:
    return Part("static", fields.text("content", required=True), position=fields.node.position)


def _file(fields: Fields) -> Part:
    return Part("file", fields.text("path", required=True), position=fields.node.position)


def _previous(fields: Fields) -> Part:
    return Part(
        "previous_response",
        fields.text("step", required=True),
        extract=fields.text("extract"),
        strict=fields.flag("strict"),
        position=fields.node.position,
    )


def _context(fields: Fields) -> Part:
    session, last = fields.text("session_id", required=True), fields.integer("include_last_n", 1, 1000)
    return Part("session_context", "", session=session, last=last, position=fields.node.position)


def _continue(fields: Fields) -> Part:
    session, prompt = fields.text("session_id", required=True), fields.text("new_prompt", required=True)
    return Part("claude_continue", prompt, session=session, position=fields.node.position)


_READERS: Final = {
    "static": _static,
    "file": _file,
    "previous_response": _previous,
    "session_context": _context,
    "claude_continue": _continue,
}
