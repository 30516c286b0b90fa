"""What is wrong with a pipeline file, and where."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_MOST_COMPARED = 200

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One problem of a pipeline file.

    Args:
        line: line, counted from 1.
        column: column, counted from 1.
        severity: an ``error`` keeps the pipeline from running.
        file: name of the file.
        message: what is wrong, what was expected, and what to do.
    """

    line: int
    column: int
    severity: Severity
    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file, counted from 1."""

    line: int
    column: int


START = Position(1, 1)


class Report:
    """Collects the diagnostics of one file.

    Args:
        file: name of the file, as it shall be shown.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: set[Diagnostic] = set()
        self._nested: list[Report] = []

    def nested(self, file: str) -> "Report":
        """The report of a file that this one names; its problems follow those of this one."""
        report = Report(file)
        self._nested.append(report)
        return report

    def error(self, position: Position, message: str) -> None:
        """Note a problem that keeps the pipeline from running."""
        self._found.add(Diagnostic(position.line, position.column, "error", self.file, message))

    def warning(self, position: Position, message: str) -> None:
        """Note something that the author should know."""
        self._found.add(Diagnostic(position.line, position.column, "warning", self.file, message))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All problems, in the order of the file; those of nested files follow, each once."""
        found = dict.fromkeys(sorted(self._found))
        for report in self._nested:
            found.update(dict.fromkeys(report.diagnostics))
        return tuple(found)

    @property
    def ok(self) -> bool:
        """Whether nothing keeps the pipeline from running."""
        return all(each.severity != "error" for each in self.diagnostics)


def nearest(word: str, words: Iterable[str]) -> str:
    """Give ``; did you mean 'x'?`` for the most similar of ``words``, else an empty text."""
    known = sorted(words)
    if len(known) > _MOST_COMPARED:  # a file may hold thousands of names, and each comparison takes its time
        known = [each for each in known if each[:1] == word[:1]][:_MOST_COMPARED]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
