"""Tokens: about four characters each, counted the same way everywhere."""

import re

CHARACTERS = 4
"""How many characters a token has here."""

_WORD = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")


def count(text: str) -> int:
    """How many tokens ``text`` has; 0 for the empty text."""
    return -(-len(text) // CHARACTERS)


def cut(text: str, tokens: int) -> str:
    """The first ``tokens`` tokens of ``text``."""
    return text[: max(tokens, 0) * CHARACTERS]


def single(text: str) -> list[str]:
    """``text`` in pieces of one token each."""
    return [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]


def grouped(text: str, sizes: tuple[int, ...]) -> list[str]:
    """``text`` in pieces of a few whole words.

    Args:
        text: what to cut; the pieces joined are the text again.
        sizes: how many words the pieces have, in turn and again from the start.
    """
    words = _WORD.findall(text)
    pieces, at, turn = [], 0, 0
    while at < len(words):
        size = sizes[turn % len(sizes)]
        pieces.append("".join(words[at : at + size]))
        at, turn = at + size, turn + 1
    return pieces
