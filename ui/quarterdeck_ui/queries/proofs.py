"""What claims are made from: equal work, versions, hours that fail, answers that are none."""

from dataclasses import dataclass
from typing import Final

from quarterdeck_ui.queries.performance import ChartRange
from quarterdeck_ui.queries.store import Store

_LIMIT: Final = 20_000


@dataclass(frozen=True, slots=True)
class WorkDay:
    """What one model did for one step on one day (seconds since the epoch); times in seconds, cost in USD.

    ``first`` sums the time to the first token of ``streamed`` calls; ``streaming`` tokens came in ``stream_seconds``.
    """

    day: int
    pipeline: str
    step: str
    provider: str
    model: str
    calls: int
    errors: int
    answers: int
    seconds: float
    cost: float
    priced: int
    first: float
    streamed: int
    streaming: int
    stream_seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """Calls that were made again on one day after one before them had failed."""

    day: int
    pipeline: str
    step: str
    provider: str
    model: str
    calls: int


@dataclass(frozen=True, slots=True)
class StepTime:
    """How often a step ran and how long it took, seconds; quantiles are of 50 and 95 %."""

    pipeline: str
    step: str
    times: int
    failed: int
    seconds: float
    took: list[float]


@dataclass(frozen=True, slots=True)
class Version:
    """Runs of one version of a pipeline; ``took`` holds the seconds of up to a thousand completed ones."""

    pipeline: str
    version: str
    first_ns: int
    last_ns: int
    runs: int
    failed: int
    took: list[float]


@dataclass(frozen=True, slots=True)
class FlawDay:
    """Calls of a step that succeeded on one day, and those of them whose answer is empty or cut off."""

    pipeline: str
    step: str
    day: int
    calls: int
    empty: int
    cut: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Calls of a step that succeeded, their different prompts, and the answers that are not the JSON that is due."""

    pipeline: str
    step: str
    calls: int
    prompts: int
    json_due: int
    no_json: int


@dataclass(frozen=True, slots=True)
class FailingHour:
    """An hour (seconds since the epoch) in which several calls of a provider failed."""

    hour: int
    provider: str
    calls: int
    failed: int


def equal_work(store: Store, asked: ChartRange) -> list[WorkDay]:
    """Days of the steps that more than one model worked for."""
    return [WorkDay(*row.values()) for row in store.ask("equal_work", limit=_LIMIT, **asked.parameters())]


def repeated_attempts(store: Store, asked: ChartRange) -> list[Again]:
    """Calls that were made again, by day, step and model."""
    return [Again(*row.values()) for row in store.ask("repeated_attempts", limit=_LIMIT, **asked.parameters())]


def step_times(store: Store, asked: ChartRange, limit: int = 500) -> list[StepTime]:
    """Steps, those first that took most time in all."""
    return [StepTime(*row.values()) for row in store.ask("step_times", limit=limit, **asked.parameters())]


def version_runs(store: Store, asked: ChartRange, pipeline: str = "", limit: int = 500) -> list[Version]:
    """Versions of a pipeline, or of each, in the order of their first runs."""
    rows = store.ask("version_runs", pipeline=pipeline, limit=limit, **asked.parameters())
    return [Version(*row.values()) for row in rows]


def quiet_flaws(store: Store, asked: ChartRange) -> list[FlawDay]:
    """Successful calls by step and day, and what is wrong with their answers."""
    return [FlawDay(*row.values()) for row in store.ask("quiet_flaws", limit=_LIMIT, **asked.parameters())]


def answers(store: Store, asked: ChartRange, limit: int = 500) -> list[Answers]:
    """Prompts and answers by step; reads payloads, so that the range should hold few calls."""
    return [Answers(*row.values()) for row in store.ask("answers", limit=limit, **asked.parameters())]


def failing_hours(store: Store, asked: ChartRange, limit: int = 500) -> list[FailingHour]:
    """Hours in which calls of a provider failed, the worst first."""
    return [FailingHour(*row.values()) for row in store.ask("failing_hours", limit=limit, **asked.parameters())]


def error_kinds(store: Store, asked: ChartRange, provider: str, limit: int = 5) -> list[tuple[str, int]]:
    """Types of the errors of a provider's calls with their numbers, the most frequent first."""
    rows = store.ask("error_kinds", provider=provider, limit=limit, **asked.parameters())
    return [(row["Kind"], row["Failed"]) for row in rows]
