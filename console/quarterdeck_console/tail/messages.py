"""Texts of recorded messages."""

import json
from collections.abc import Iterator
from typing import Any


def last_said(messages: str) -> str:
    """Text of the last message that has one; the JSON as it is where it is none.

    Args:
        messages: as :data:`quarterdeck.semconv.INPUT_MESSAGES` has them.
    """
    texts = [text for _, text in _texts(messages) if text.strip()]
    return texts[-1] if texts else ""


def whole(system: str, messages: str) -> str:
    """Instructions and messages as one text, each with its role.

    Args:
        system: as :data:`quarterdeck.semconv.SYSTEM_INSTRUCTIONS` has them.
        messages: as :data:`quarterdeck.semconv.INPUT_MESSAGES` has them.
    """
    parts = [("system", text) for _, text in _texts(system)] + list(_texts(messages))
    return "\n".join(f"[{role}]\n{text}" for role, text in parts)


def _texts(recorded: str) -> Iterator[tuple[str, str]]:
    """Give role and text of each message; of instructions, each is a part without a role."""
    if not recorded:
        return
    try:
        listed = json.loads(recorded)
    except ValueError:
        yield "", recorded  # cut at its size cap, or of another kind
        return
    for each in listed if isinstance(listed, list) else [listed]:
        parts = each.get("parts", [each]) if isinstance(each, dict) else [each]
        yield str(each.get("role", "")) if isinstance(each, dict) else "", "\n".join(map(_text, parts))


def _text(part: Any) -> str:
    if isinstance(part, dict):
        words = part.get("content") or part.get("text")
        return words if isinstance(words, str) else json.dumps(part, ensure_ascii=False)
    return str(part)
