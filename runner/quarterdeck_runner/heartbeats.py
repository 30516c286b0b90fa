"""Runs of decorated Python programs: known as long as they report, steered by the replies to their reports."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from quarterdeck import semconv

Command = Literal["pause", "resume", "cancel"]

LOST_AFTER_S: Final = float(semconv.RUN_LOST_AFTER_S)
_ENDED: Final = ("completed", "failed", "cancelled", "lost")
_KEPT: Final = 500


class CommandRefusedError(Exception):
    """The run is in a state that does not allow the command."""


@dataclass(frozen=True)
class Report:
    """What a program says about one of its runs."""

    id: str
    pipeline: str
    status: str
    trace_id: str
    current_step: str | None
    started_at: datetime


@dataclass(frozen=True)
class PythonRun:
    """A run of a decorated program, as last reported.

    Args:
        report: the last report.
        service: name of the program.
        seen_s: when it reported, on the clock of the registry.
        ended_at: when it ended; ``None`` while it runs.
        command: what it is told and has not obeyed yet.
        told: whether the command went out.
    """

    report: Report
    service: str
    seen_s: float
    ended_at: datetime | None = None
    command: Command | None = None
    told: bool = False


class Heartbeats:
    """Registry of reported runs.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._runs: dict[str, PythonRun] = {}

    def beat(self, service: str, reports: list[Report]) -> dict[str, Command]:
        """Take in reports.

        Args:
            service: name of the program.
            reports: all its runs.

        Returns:
            Commands by run id.
        """
        commands: dict[str, Command] = {}
        for report in reports:
            run = self._updated(service, report)
            if run.command is not None:
                commands[report.id] = run.command
                run = replace(run, told=True)
            self._runs[report.id] = run
        self._forget()
        return commands

    def runs(self) -> list[PythonRun]:
        """All runs, the lost ones marked."""
        return [self._current(run) for run in self._runs.values()]

    def find(self, run_id: str) -> PythonRun | None:
        """A run by its id."""
        run = self._runs.get(run_id)
        return None if run is None else self._current(run)

    def command(self, run_id: str, command: Command) -> PythonRun:
        """Tell a run something with the next replies, until its status shows that it obeyed.

        Raises:
            KeyError: there is no such run.
            CommandRefusedError: its state does not allow it.
        """
        run = self._current(self._runs[run_id])
        if command not in actions(run):
            allowed = " or ".join(actions(run)) or "nothing"
            raise CommandRefusedError(f"run {run_id} is {run.report.status}; it can be told {allowed}, not {command}")
        self._runs[run_id] = replace(run, command=command, told=False)
        return self._runs[run_id]

    def _updated(self, service: str, report: Report) -> PythonRun:
        old = self._runs.get(report.id)
        ended = datetime.now(UTC) if report.status in _ENDED else None
        if old is None:
            return PythonRun(report, service, self._clock(), ended)
        keep = old.command is not None and not (old.told and _obeyed(old.command, report.status)) and ended is None
        return replace(
            old,
            report=report,
            service=service,
            seen_s=self._clock(),
            ended_at=old.ended_at or ended,
            command=old.command if keep else None,
            told=old.told and keep,
        )

    def _current(self, run: PythonRun) -> PythonRun:
        if run.ended_at is None and self._clock() - run.seen_s > LOST_AFTER_S:
            return replace(run, report=replace(run.report, status="lost"), command=None)
        return run

    def _forget(self) -> None:
        closed = [run_id for run_id, run in self._runs.items() if self._current(run).report.status in _ENDED]
        for run_id in closed[: max(len(closed) - _KEPT, 0)]:
            del self._runs[run_id]


def actions(run: PythonRun) -> list[Command]:
    """What can be told to a run now."""
    if run.report.status in _ENDED or run.command == "cancel":
        return []
    paused = run.report.status == "paused" if run.command is None else run.command == "pause"
    return ["resume", "cancel"] if paused else ["pause", "cancel"]


def _obeyed(command: Command, status: str) -> bool:
    if command == "pause":
        return status == "paused"
    return status == "running" if command == "resume" else status in _ENDED
