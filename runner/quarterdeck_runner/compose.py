"""Make the prompt of a call out of its parts; the result remembers where every stretch came from."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quarterdeck.prompt import Part as Stretch
from quarterdeck.prompt import RenderedPrompt
from quarterdeck_runner.expressions import ExpressionError, path_of
from quarterdeck_runner.files import read_file
from quarterdeck_runner.scope import Scope, extract
from quarterdeck_runner.spec import Part
from quarterdeck_runner.template import Piece, Slot, TemplateError, as_text, render, render_strict, slots

log = logging.getLogger("quarterdeck.runner")


MAX_PROMPT_CHARACTERS: Final = 8_000_000
"""More no model takes, and memory would not like it."""


class PromptError(Exception):
    """A prompt cannot be sent; the message says why."""


@dataclass(frozen=True)
class Folders:
    """Where a run reads and writes.

    Args:
        pipeline: folder of the pipeline's file.
        outputs: the run's own output folder.
        workspace: folder of ``file_ops`` below it.
    """

    pipeline: Path
    outputs: Path
    workspace: str = "workspace"


def compose(parts: tuple[Part, ...], scope: Scope, folders: Folders) -> RenderedPrompt:
    """Make a prompt; parts are joined by newlines.

    Args:
        parts: the prompt as written.
        scope: values of the run.
        folders: where files are.

    Raises:
        FileError: a file cannot be read.
        TemplateError: a path has no value, or a strict ``extract`` leads nowhere.
        PromptError: the prompt is too long.
    """
    stretches: list[Stretch] = []
    variables: dict[str, Any] = {}
    for number, part in enumerate(parts):
        if number:
            _append_newline(stretches)
        stretches += _stretches(part, scope, folders, variables)
    if (length := sum(len(stretch["text"]) for stretch in stretches)) > MAX_PROMPT_CHARACTERS:
        raise PromptError(f"the prompt has {length} characters, and at most {MAX_PROMPT_CHARACTERS} are sent")
    template = "\n".join(part.text for part in parts if part.kind in {"static", "claude_continue"})
    return RenderedPrompt(stretches, template=template, variables=variables)


def rendered(text: str, scope: Scope) -> str:
    """Fill in the templates of a text; those without a value stay, with a warning."""
    pieces = render(text, scope.lookup)
    _warn(pieces)
    return "".join(piece.text for piece in pieces)


def _append_newline(stretches: list[Stretch]) -> None:
    if stretches:
        last = stretches[-1]
        stretches[-1] = {"kind": last["kind"], "source": last["source"], "text": last["text"] + "\n"}
    else:
        stretches.append({"kind": "static", "source": "", "text": "\n"})


def _stretches(part: Part, scope: Scope, folders: Folders, variables: dict[str, Any]) -> list[Stretch]:
    if part.kind == "session_context":
        return [{"kind": "previous_response", "source": part.session, "text": _session(part, scope)}]
    if part.kind in {"static", "claude_continue"}:
        pieces = render(part.text, scope.lookup)
        _warn(pieces)
        variables.update({piece.slot.source: piece.text for piece in pieces if piece.slot and not piece.problem})
        return [_stretch(piece, scope, part.position.line) for piece in pieces]
    if part.kind == "file":
        path = render_strict(part.text, scope.lookup)
        text = read_file(path, folders.pipeline, folders.outputs, templated=bool(slots(part.text)))
        return [{"kind": "file", "source": path, "text": text}]
    source = f"{part.text}.{part.extract}" if part.extract else part.text
    return [{"kind": "previous_response", "source": source, "text": _previous(part, scope)}]


def _stretch(piece: Piece, scope: Scope, line: int) -> Stretch:
    if piece.slot is None or piece.problem:
        return {"kind": "static", "source": f"line {line}", "text": piece.text}
    kind = "previous_response" if _names_step(piece.slot, scope) else "variable"
    return {"kind": kind, "source": piece.slot.source, "text": piece.text}


def _names_step(slot: Slot, scope: Scope) -> bool:
    return any(path.path[0] == "steps" or path.path[0] in scope.records for path in slot.references)


def _previous(part: Part, scope: Scope) -> str:
    record = scope.records[part.text]
    try:
        return as_text(extract(record, path_of(part.extract)))
    except ExpressionError as error:
        if part.strict:
            raise TemplateError(f"the result of step '{part.text}' has no '{part.extract}'") from error
        log.warning("the result of step '%s' has no '%s': its whole text is taken", part.text, part.extract)
        return as_text(extract(record, ()))


def _session(part: Part, scope: Scope) -> str:
    exchanges = scope.session(render_strict(part.session, scope.lookup), part.last)
    return "\n".join(f"User: {each['prompt']}\nAssistant: {each['text']}" for each in exchanges)


def _warn(pieces: list[Piece]) -> None:
    for piece in pieces:
        if piece.problem and piece.slot is not None:
            log.warning("%s stays as it is: %s", piece.slot.raw, piece.problem)
