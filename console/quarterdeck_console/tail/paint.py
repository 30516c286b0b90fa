"""Colours of a terminal, for those who want them."""

import os
import zlib
from collections.abc import Mapping
from typing import Final, TextIO

_CODES: Final = {"red": 31, "green": 32, "yellow": 33, "dim": 2, "bold": 1}
_OF_RUNS: Final = (36, 35, 34, 33, 32, 96, 95, 94)


class Paint:
    """Wraps texts in colours, or leaves them as they are.

    Args:
        on: whether there are colours.
    """

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, style: str) -> str:
        """Give a text in a colour, bold or dim."""
        return self._wrapped(text, _CODES[style]) if style else text

    def of(self, key: str, text: str) -> str:
        """Give a text in the colour that belongs to a key."""
        return self._wrapped(text, _OF_RUNS[zlib.crc32(key.encode()) % len(_OF_RUNS)])

    def _wrapped(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


def wants_colour(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to write colours there: to a terminal, unless NO_COLOR or TERM=dumb says no; FORCE_COLOR says yes."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and environ.get("TERM") != "dumb"
