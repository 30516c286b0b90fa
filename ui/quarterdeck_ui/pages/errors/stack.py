"""A stack trace with the user's own frames first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LIBRARY: Final = re.compile(
    r"(?:site|dist)-packages|[/\\]lib(?:64)?[/\\]python[\d.]+[/\\]|[/\\]Lib[/\\]|instrumentation[/\\]quarterdeck[/\\]"
    r"|[/\\]quarterdeck_(?:runner|collector|ui)[/\\]|node_modules|[( ]node:|[( ]internal/|[( ]native|<anonymous>"
)
"""As ``quarterdeck_user_frame`` in the collector's schema."""

_PYTHON: Final = re.compile(r'^ *File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$')
_NODE: Final = re.compile(r"^ +at (?:async )?(?:(?P<name>.*?) [(])?(?P<file>[^()]+?):(?P<line>\d+):\d+[)]?$")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``source`` is the line of code where the trace has it."""

    file: str
    line: int
    name: str
    source: str = ""


def user_frames(stack: str, callers: str = "") -> list[Frame]:
    """The user's own frames, innermost first, each once.

    Args:
        stack: A stack trace of Python or JavaScript.
        callers: Frames around it, in Python's words.
    """
    lines = [*callers.splitlines(), "", *stack.splitlines()]
    found = [frame for number in range(len(lines)) if (frame := _frame(lines, number)) is not None]
    if not any(_NODE.match(line) for line in lines):
        found.reverse()
    return list(dict.fromkeys(found))


def _frame(lines: Sequence[str], number: int) -> Frame | None:
    line = lines[number]
    match = _PYTHON.match(line) or _NODE.match(line)
    if match is None or _LIBRARY.search(line) or match["file"].startswith("<"):
        return None
    following = lines[number + 1].strip() if number + 1 < len(lines) else ""
    is_source = _PYTHON.match(line) and following and not _PYTHON.match(lines[number + 1])
    return Frame(match["file"], int(match["line"]), match["name"] or "", following if is_source else "")


def as_text(frames: Sequence[Frame]) -> str:
    """Frames to read, innermost first."""
    return "\n".join(
        f"{frame.file}:{frame.line}  {frame.name}" + (f"\n    {frame.source}" if frame.source else "")
        for frame in frames
    )
