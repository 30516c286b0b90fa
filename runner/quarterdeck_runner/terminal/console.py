"""Show a run in the terminal as it happens: what begins, what the models write, what it cost."""

import logging
import sys
import time
from typing import TextIO

from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step
from quarterdeck_runner.vocabulary import BLOCK_TYPES
from quarterdeck_runner.watching import Watch


class Console(Watch):
    """Writes lines of progress, and answers as they stream; of answers that stream at once, one at a time.

    Args:
        out: where to; standard error by default.
        stream: whether to show the answers.
        total: how many steps the pipeline has.
    """

    def __init__(self, out: TextIO | None = None, *, stream: bool = True, total: int = 0) -> None:
        self._out, self._stream, self._total = out or sys.stderr, stream, total
        self._begun: dict[str, float] = {}
        self._waiting: dict[str, list[str]] = {}
        self._speaking = ""
        self._mid_line = False
        self._number = 0
        self.last_text = ""
        self.streamed = False
        """Whether the last step has shown its answer."""

    def begins(self, path: str, step: Step, attempt: int) -> None:
        """Say that a step begins."""
        self._begun[path] = time.monotonic()
        if "/" not in path and attempt == 1:
            self._number += 1
        place = f"[{self._number}/{self._total}] " if "/" not in path and self._total else ""
        model = f" · {step.model}" if step.model else ""
        again = f" · attempt {attempt}" if attempt > 1 else ""
        self.line(f"{_indent(path)}▸ {place}{path} · {step.type}{model}{again}")

    def text(self, path: str, piece: str) -> None:
        """Show a piece of an answer, at once or when its turn comes."""
        if not self._stream:
            return
        if not self._speaking:
            self._speaking = path
        if path != self._speaking:
            self._waiting.setdefault(path, []).append(piece)
            return
        self._write(path, piece)

    def ends(self, path: str, step: Step, record: Record) -> None:
        """Say how a step ended."""
        for each in [own for own in self._waiting if own == path or own.startswith(f"{path}/")]:
            self._end_line()
            self._write(each, "".join(self._waiting.pop(each)))
        if self._speaking == path or self._speaking.startswith(f"{path}/"):
            self._speaking = ""
        if "/" not in path and path not in self._begun:
            self._number += 1
        self.last_text, self.streamed = str(record.get("text", "")), bool(record.get("usage"))
        took = time.monotonic() - self._begun.pop(path, time.monotonic())
        self.line(f"{_indent(path)}{_ending(path, step, record, took)}")

    def line(self, text: str) -> None:
        """Write a line of its own."""
        self._end_line()
        print(text, file=self._out, flush=True)

    def _write(self, path: str, piece: str) -> None:
        margin = f"{_indent(path)}  "
        shown = _printable(piece).replace("\n", f"\n{margin}")
        self._out.write(shown if self._mid_line else f"{margin}{shown}")
        self._out.flush()
        self._mid_line = True

    def _end_line(self) -> None:
        if self._mid_line:
            self._out.write("\n")
            self._mid_line = False


class Warnings(logging.Handler):
    """Shows the warnings of the interpreter between the lines of a console; errors are shown by the steps."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        if record.levelno == logging.WARNING:
            self._console.line(f"  ! {record.getMessage()}")


def _ending(path: str, step: Step, record: Record, took_s: float) -> str:
    if record.get("skipped"):
        return f"○ {path} · skipped: {record['reason']}"
    if not record["success"]:
        return f"✗ {path} · {record['error']}"
    facts = [f"{took_s:.1f} s"]
    usage = record.get("usage") or {}
    if usage:
        output = usage.get("output_tokens", 0) + usage.get("thinking_tokens", 0)
        facts.append(f"{usage.get('input_tokens', 0)} → {output} tokens")
    if usage or (record.get("cost_usd") is not None and step.type in BLOCK_TYPES):
        facts.append(dollars(record.get("cost_usd")))
    if record.get("fallback"):
        facts.append(f"fell back to {record['fallback']}")
    if record.get("file"):
        facts.append(f"written to {record['file']}")
    return f"✓ {path} · {' · '.join(facts)}"


def dollars(cost: float | None) -> str:
    """Say what something cost."""
    return "cost unknown" if cost is None else f"${cost:.4f}"


def _indent(path: str) -> str:
    return "  " * path.count("/")


def _printable(text: str) -> str:
    """Without control characters: an answer must not steer the terminal."""
    return "".join(char if char in "\n\t" or char.isprintable() else "·" for char in text)
