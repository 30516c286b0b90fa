"""A model call as something that can be edited and sent again (pure)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from quarterdeck_ui.span_view import SpanView

_ASSISTANT: Final = frozenset({"assistant", "model"})


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the question: ``static``, ``file``, ``previous_response`` or ``variable``, and where it is from."""

    kind: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model was asked.

    Args:
        system: System prompt.
        before: Role and text of earlier messages, oldest first.
        parts: The question, in pieces; one piece where it was not recorded how it was made.
        left_out: What cannot be sent again as text, such as pictures and tool calls.
    """

    system: str
    before: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The last message."""
        return "".join(part.text for part in self.parts)

    @property
    def variables(self) -> dict[str, str]:
        """Text of every variable of the question, by where it comes from; the first time that it appears."""
        found: dict[str, str] = {}
        for part in self.parts:
            if part.kind != "static":
                found.setdefault(part.source, part.text)
        return found

    def filled(self, values: Mapping[str, str]) -> "Conversation":
        """The same with other values of variables.

        Args:
            values: New texts by where a variable comes from.
        """

        def renewed(part: Part) -> Part:
            return replace(part, text=values[part.source]) if part.kind != "static" and part.source in values else part

        return replace(self, parts=tuple(map(renewed, self.parts)))

    def asking(self, question: str) -> "Conversation":
        """The same with another question, which is then one piece."""
        return self if question == self.question else replace(self, parts=(Part("static", "", question),))

    def messages(self) -> list[dict[str, str]]:
        """As the runner takes it."""
        turns = (*self.before, ("user", self.question))
        return [{"role": role, "content": text} for role, text in turns if text]

    def text(self) -> str:
        """Everything but the system prompt, for counting."""
        return "\n".join([*(text for _, text in self.before), self.question])


def recorded(view: SpanView) -> Conversation:
    """What a recorded call asked.

    Args:
        view: Content of its span.
    """
    left_out: list[str] = []
    turns = list(_turns(view.texts.get("input", ""), left_out))
    *before, (role, question) = turns or [("user", "")]
    if role != "user":  # an answer was begun for the model: what it was asked for comes before
        before, question = [*before, (role, question)], ""
    parts = _parts(view.texts.get("parts", ""))
    if "".join(part.text for part in parts) != question:
        parts = (Part("static", "", question),)
    return Conversation(_system(view.texts.get("system", "")), tuple(before), parts, tuple(dict.fromkeys(left_out)))


def answer_of(view: SpanView) -> str:
    """What a recorded call answered, as text."""
    return "\n".join(text for _, text in _turns(view.texts.get("output", ""), []))


def _system(source: str) -> str:
    found = _json(source)
    if not isinstance(found, list):
        return source
    return "\n\n".join(str(part.get("content") or part.get("text") or "") for part in found if isinstance(part, dict))


def _turns(source: str, left_out: list[str]) -> Iterator[tuple[str, str]]:
    found = _json(source)
    if not isinstance(found, list):
        yield from [("user", source)] if source else []
        return
    for message in found:
        if not isinstance(message, dict):
            continue
        role = "assistant" if message.get("role") in _ASSISTANT else "user"
        pieces = message.get("parts") or message.get("content") or []
        texts = [_text(each, left_out) for each in (pieces if isinstance(pieces, list) else [pieces])]
        if text := "\n".join(filter(None, texts)):
            yield role, text


def _text(piece: Any, left_out: list[str]) -> str:
    if isinstance(piece, str):
        return piece
    if not isinstance(piece, Mapping):
        return ""
    kind = str(piece.get("type") or "")
    if kind == "text":
        return str(piece.get("content") or piece.get("text") or "")
    if kind == "tool_call_response":
        answer = piece.get("response", piece.get("result"))
        return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    left_out.append(kind.replace("_", " ") or "an unknown part")
    return ""


def _parts(source: str) -> tuple[Part, ...]:
    found = _json(source)
    if not isinstance(found, Sequence) or isinstance(found, str):
        return ()
    return tuple(
        Part(str(each.get("kind", "static")), str(each.get("source", "")), str(each.get("text", "")))
        for each in found
        if isinstance(each, Mapping)
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
