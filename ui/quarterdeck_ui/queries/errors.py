"""Groups of errors, and what is known of one error."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_ui.queries.runs import RunRow, run_by_id
from quarterdeck_ui.queries.store import Row, Store

INTERVALS: Final = 24
"""Points of a group's trend."""

EMPTY_OUTPUT: Final = "quarterdeck.EmptyOutput"
"""Type of a silent failure: a run that completed with an empty result."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors of one cause within a range; times in nanoseconds, first and last of all time.

    Args:
        id: Its fingerprint.
        category: One of those in ``schema/0013_errors.sql``.
        type: Class of the exception, or what the provider calls it.
        message: Of the newest error.
        http_status: What a server answered with; empty where none did.
        frame: Innermost frame of the user's code; empty where none is known.
        errors: How many, each cause of a run counted once.
        runs: Runs that had it.
        first_ns: When it was seen first.
        last_ns: And last.
        trend: Errors by interval, oldest first.
        pipelines: Pipelines that had it.
        versions: Versions of them, in the order in which they first had it.
        steps: Names of the steps.
    """

    id: str
    category: str
    type: str
    message: str
    http_status: str
    frame: str
    errors: int
    runs: int
    first_ns: int
    last_ns: int
    trend: tuple[int, ...]
    pipelines: tuple[str, ...]
    versions: tuple[str, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One error of a group."""

    at_ns: int
    run_id: str
    span_id: str
    step_id: str
    step: str
    pipeline: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorScope:
    """Which errors are wanted, nanoseconds; of one environment, service and group, or of any."""

    since_ns: int
    until_ns: int
    environment: str = ""
    service: str = ""
    group: str = ""

    @property
    def interval_ns(self) -> int:
        """Length of a point of the trend."""
        return max(1, -(-(self.until_ns - self.since_ns) // INTERVALS))


def error_groups(store: Store, wanted: ErrorScope, limit: int = 100) -> list[ErrorGroup]:
    """Groups of errors of a range, that with the newest error first."""
    rows = store.ask(
        "error_groups",
        since=wanted.since_ns,
        until=wanted.until_ns,
        bucket=wanted.interval_ns,
        environment=wanted.environment,
        service=wanted.service,
        group=wanted.group,
        limit=limit,
    )
    if not rows:
        return []
    seen = {row["Id"]: row for row in store.ask("errors_seen", groups=[int(row["Id"]) for row in rows])}
    ids = sorted({run for row in rows for run in row["RunIds"]})
    runs = {run["RunId"]: run for run in store.ask("run_names", runs=ids, since=wanted.since_ns)}
    return [_group(row, seen.get(row["Id"], row), runs) for row in rows]


def errors_of_group(store: Store, group: str, limit: int = 50, span: str = "") -> list[Occurrence]:
    """The newest errors of a group, newest first; of a span alone where one is named."""
    rows = store.ask("errors_of_group", group=group, span=span, limit=limit)
    return [Occurrence(*(row[name] for name in _OCCURRENCE)) for row in rows]


def error_of_run(store: Store, run_id: str, span_id: str = "") -> tuple[str, str]:
    """Group and span of the error of a run, or of a span or step in it; empty texts if it has none."""
    for row in store.ask("error_of_run", run=run_id, span=span_id):
        return row["Id"], row["SpanId"]
    return "", ""


def good_run(store: Store, pipeline: str, run_id: str, before_ns: int) -> RunRow | None:
    """The last good run of a pipeline before a time, else the first after it; mostly there is one of that day."""
    for days, later in ((1, False), (60, True)):
        for row in store.ask("good_run", pipeline=pipeline, run=run_id, until=before_ns, days=days, later=later):
            return run_by_id(store, row["Run"])
    return None


def completed_runs(store: Store, pipeline: str, since_ns: int, until_ns: int) -> int:
    """How many runs of a pipeline completed within a range."""
    return int(store.ask("completed_runs", pipeline=pipeline, since=since_ns, until=until_ns)[0]["Runs"])


_OCCURRENCE: Final = ("AtNs", "RunId", "SpanId", "StepId", "StepName", "PipelineName", "Message")


def _group(row: Row, seen: Row, runs: dict[str, Row]) -> ErrorGroup:
    affected = sorted((runs[each] for each in row["RunIds"] if each in runs), key=lambda run: int(run["StartNs"]))
    return ErrorGroup(
        id=row["Id"],
        category=row["Category"],
        type=row["Type"],
        message=row["Example"],
        http_status=row["Status"],
        frame=row["Frame"],
        errors=row["Errors"],
        runs=row["Runs"],
        first_ns=seen["FirstNs"],
        last_ns=seen["LastNs"],
        trend=_trend(row["Counts"]),
        pipelines=_ranked(run["Pipeline"] or run["Root"] for run in affected),
        versions=tuple(dict.fromkeys(run["Version"] for run in affected if run["Version"])),
        steps=tuple(sorted(filter(None, row["Steps"]))),
    )


def _trend(counts: Any) -> tuple[int, ...]:
    found = dict(zip(*counts, strict=True))
    return tuple(int(found.get(number, 0)) for number in range(INTERVALS))


def _ranked(names: Any) -> tuple[str, ...]:
    """Names, the most frequent first."""
    return tuple(name for name, _ in Counter(filter(None, names)).most_common())
