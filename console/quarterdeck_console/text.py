"""Texts of others on a screen: safe to show, short, and no more than asked for."""

import unicodedata
from typing import Final

_BLANK: Final = {"\n", "\t"}
_UNSAFE: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_THOUSAND: Final = 1_000
_SMALL_USD: Final = 0.01
_MINUTE: Final = 60


def printable(text: str) -> str:
    """Replace what could steer a terminal, or hide text from its reader, by a dot."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in _BLANK or unicodedata.category(char) not in _UNSAFE else "·"
        for char in text.replace("\r\n", "\n")
    )


def line(text: str, most: int) -> str:
    """Fit a text into one line.

    Args:
        text: any text.
        most: characters at most; what is cut ends in an ellipsis.
    """
    flat = " ".join(printable(text[: most * 8]).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def seconds(nanoseconds: int) -> str:
    """Write how long something took."""
    took = nanoseconds / 1e9
    if took < 1:
        return f"{took * _THOUSAND:.0f} ms"
    return f"{took:.1f} s" if took < _MINUTE else f"{int(took // _MINUTE)} min {took % _MINUTE:.0f} s"


def dollars(usd: float) -> str:
    """Write a cost: two digits of cents that matter."""
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.3f}" if usd >= _SMALL_USD else f"${usd:.5f}"
