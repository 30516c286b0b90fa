"""Asks ClickHouse for what findings are made from."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from quarterdeck_ui import queries
from quarterdeck_ui.queries import (
    DAY_S,
    Answers,
    ChartRange,
    FailingHour,
    FlawDay,
    Measure,
    RunMeasure,
    StepTime,
    Store,
    Version,
)

_NS: Final = 10**9
_BASELINE_S: Final = 28 * DAY_S
"""A day is judged by the four weeks around it, however short the range is."""

_SAMPLE: Final = 20_000
"""Calls of which the payload is read."""

_BESIDE = ThreadPoolExecutor(3, "evidence")


@dataclass(frozen=True)
class Evidence:
    """What is known of a range; ``around`` is the same range with what days before it are compared with.

    ``kinds`` gives the types of the errors of a provider within a range.
    """

    asked: ChartRange
    around: ChartRange
    cost_by_step: list[Measure]
    providers: list[Measure]
    runs_by_day: list[RunMeasure]
    versions: list[Version]
    steps: list[StepTime]
    failing_hours: list[FailingHour]
    flaws: list[FlawDay]
    sample: ChartRange
    answers: list[Answers]
    kinds: Callable[[ChartRange, str], list[tuple[str, int]]]


def gather(store: Store, asked: ChartRange) -> Evidence:
    """Ask everything, several questions at a time.

    Raises:
        StoreError: ClickHouse is away.
    """
    around = replace(asked, since_ns=min(asked.since_ns, asked.until_ns - _BASELINE_S * _NS))
    sample = _newest(store, asked)
    ask = _BESIDE.submit
    cost, providers = (
        ask(queries.measures, store, around, "step", DAY_S),
        ask(queries.measures, store, around, "provider"),
    )
    runs, versions = (
        ask(queries.run_measures, store, around, "pipeline", DAY_S),
        ask(queries.version_runs, store, around),
    )
    steps, hours = ask(queries.step_times, store, asked), ask(queries.failing_hours, store, asked)
    flaws, answers = ask(queries.quiet_flaws, store, asked), ask(queries.answers, store, sample)
    return Evidence(
        asked=asked,
        around=around,
        cost_by_step=cost.result(),
        providers=providers.result(),
        runs_by_day=runs.result(),
        versions=versions.result(),
        steps=steps.result(),
        failing_hours=hours.result(),
        flaws=flaws.result(),
        sample=sample,
        answers=answers.result(),
        kinds=lambda within, provider: queries.error_kinds(store, within, provider),
    )


def _newest(store: Store, asked: ChartRange) -> ChartRange:
    """The end of a range that holds about as many calls as payloads may be read of."""
    hours, held = queries.measures(store, asked, "", 3600), 0
    for hour in reversed(hours):
        held += hour.calls
        if held >= _SAMPLE:
            return replace(asked, since_ns=max(asked.since_ns, hour.at * _NS))
    return asked
