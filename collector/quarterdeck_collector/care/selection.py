"""Which data an operation is about: runs, a pipeline, a stretch of time.

Conditions say GLOBAL, which matters on a cluster only: a run and its spans may lie on different shards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Self

from quarterdeck_collector.store import literal

_TIME_COLUMNS: Final = ("Timestamp", "TimeUnix")
DAYS: Final = {"Day": "Day", "Time": "toDate(Time)", "Start": "toDate(Start)"}
"""Column of a table of sums: its day."""

_FIRST_DAY: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(2262, 1, 1)


class SelectionError(ValueError):
    """The selection makes no sense; the message says what to give."""


@dataclass(frozen=True)
class Selection:
    """Everything that meets all given conditions.

    Args:
        runs: Run ids; spans of their traces that name no run belong to them.
        pipeline: Pipeline name.
        start: First moment, UTC.
        end: First moment after, UTC.
    """

    runs: Sequence[str] = field(default=())
    pipeline: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """Make a selection of texts, as a command line or a request body carries them.

        Args:
            given: ``runs``, ``pipeline``, ``from`` and ``to``; the latter two are dates or times, UTC unless they say
                otherwise, and a date given as ``to`` belongs to the selection.

        Raises:
            SelectionError: If a time cannot be read, ends before it starts, or nothing is given.
        """
        start, end = _moment(given.get("from"), "from"), _moment(given.get("to"), "to", whole_day=True)
        if start and end and end <= start:
            raise SelectionError("--to lies before --from")
        made = cls(tuple(given.get("runs") or ()), given.get("pipeline") or "", start, end)
        if not (made.runs or made.pipeline or start or end):
            raise SelectionError("say what is meant: --run ID, --pipeline NAME, --from and --to")
        return made

    def written(self) -> dict[str, Any]:
        """Give the texts that :meth:`read` understands."""
        moments = {"from": self.start, "to": self.end}
        times = {name: moment.isoformat() for name, moment in moments.items() if moment}
        return {"runs": list(self.runs), "pipeline": self.pipeline, **times}

    @property
    def only_time(self) -> bool:
        """Whether nothing but time limits it."""
        return not self.runs and not self.pipeline

    @property
    def whole_days(self) -> bool:
        """Whether it begins and ends with days, if with anything."""
        return all(moment.time() == time.min for moment in (self.start, self.end) if moment)

    def condition(self, columns: Sequence[str], runs: str) -> str | None:
        """Write the condition for a table; one that knows days only can be told apart by whole days.

        Args:
            columns: Names of the table's columns.
            runs: Table ``runs``, or another with its RunId, TraceId and PipelineName, in which runs are looked up.

        Returns:
            SQL for WHERE; None if the table has nothing to tell its rows apart by.
        """
        parts = [self._in_time(columns)]
        if not self.only_time:
            parts += [self._of_run(columns, runs), self._of_pipeline(columns, runs)]
        if None in parts:
            return None
        return " AND ".join(f"({part})" for part in parts if part) or "1"

    def _in_time(self, columns: Sequence[str]) -> str | None:
        if not (self.start or self.end):
            return ""
        column = next((name for name in _TIME_COLUMNS if name in columns), None)
        limits = [(">=", self.start), ("<", self.end)]
        if column:
            return " AND ".join(
                f"{column} {sign} toDateTime64('{moment:%Y-%m-%d %H:%M:%S.%f}', 9, 'UTC')"
                for sign, moment in limits
                if moment
            )
        column = next((name for name in DAYS if name in columns), None)
        return self._in_whole_days(DAYS[column]) if column else None

    def _in_whole_days(self, day: str) -> str:
        first = (self.start + timedelta(days=1, microseconds=-1)).date() if self.start else date.min
        after = self.end.date() if self.end else date.max
        return f"{day} >= toDate32('{max(first, _FIRST_DAY)}') AND {day} < toDate32('{min(after, _LAST_DAY)}')"

    def _of_run(self, columns: Sequence[str], runs: str) -> str | None:
        if not self.runs:
            return ""
        selected = f"RunId IN ({', '.join(map(literal, self.runs))})"
        return _of_runs(columns, runs, selected, selected)

    def _of_pipeline(self, columns: Sequence[str], runs: str) -> str | None:
        if not self.pipeline:
            return ""
        named = f"PipelineName = {literal(self.pipeline)}"
        if "PipelineName" in columns and "RunId" not in columns:
            return named
        selected = f"RunId GLOBAL IN (SELECT RunId FROM {runs} WHERE {named})"  # noqa: S608 - the name is quoted
        return _of_runs(columns, runs, selected, f"{named} OR {selected}" if "PipelineName" in columns else selected)


def _of_runs(columns: Sequence[str], runs: str, selected: str, condition: str) -> str | None:
    if "RunId" in columns and "TraceId" not in columns:
        return condition
    traces = f"SELECT TraceId FROM {runs}"  # noqa: S608 - the name is ours
    if "RunId" in columns:
        return f"{condition} OR (RunId = TraceId AND TraceId != '' AND TraceId GLOBAL IN ({traces} WHERE {selected}))"
    if "TraceId" in columns:  # it may be of other runs too
        return f"TraceId GLOBAL IN ({traces} GROUP BY TraceId HAVING min({selected}))"
    return None


def _moment(text: str | None, name: str, *, whole_day: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        if len(text) <= len("2026-01-01"):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1) if whole_day else day
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SelectionError(f"--{name}: {text!r} is no date or time; write 2026-01-31 or 2026-01-31T18:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
