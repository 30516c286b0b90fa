"""What a rule would have done in the past: the same reading and the same judging, over a grid of times.

What arrived late is there when the past is read, and was not when it was the present; and looks are further apart.
"""

from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_collector.alerts.baseline import HOUR, baseline, noise_before
from quarterdeck_collector.alerts.machine import Circumstances, Sample, State, What, advance
from quarterdeck_collector.alerts.reading import MOST_QUERIES, Grid, Reader, judged
from quarterdeck_collector.alerts.rules import DAY, MINUTE, Rule

POINTS: Final = 720
"""Most points of a look back that are given: the worst of looks beside each other, where there are more."""

LOOKS: Final = 26_000
"""Most looks of a look back: every five minutes of 90 days."""

MOST_DAYS: Final = 90


@dataclass(frozen=True)
class Backtest:
    """What a look back found; times in seconds since the epoch.

    Args:
        step: Seconds between two looks.
        points: Time, value, and what would not be unusual, of :data:`POINTS` looks at most.
        incidents: When it would have fired and resolved (None: not yet), and the worst value in between.
        remark: What the reader should know of it.
    """

    step: int
    points: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    remark: str = ""


def backtest(reader: Reader, rule: Rule, now: float, days: float) -> Backtest:
    """Try a rule on the past.

    Args:
        reader: Reads values.
        rule: Which.
        now: End of the past, seconds since the epoch.
        days: How many days of it.

    Raises:
        StoreError: If ClickHouse refuses or is away.
    """
    kept = rule.what.kept
    length = min(days, MOST_DAYS, kept or MOST_DAYS) * DAY
    remark = f"What runs now is kept for {kept} day." if kept and days > kept else ""
    if rule.comparison.unusual:
        step, samples = HOUR, _compared(reader, rule, now, length)
    else:
        step = _step(rule, int(length))
        last = int(now) // MINUTE * MINUTE
        count = max(1, int(length) // step)
        found = reader.values(rule, Grid(last - (count - 1) * step, step, count))
        samples = {at: Sample(value, value, detail) for at, (value, detail) in found.items()}
    points = [{"at": at, "value": each.value, "usual": each.usual} for at, each in _shown(rule, samples)]
    return Backtest(step, points, _incidents(rule, samples, step), remark)


def _step(rule: Rule, length: int) -> int:
    """Choose the seconds between two looks: no window of five minutes or more falls between them.

    A query of a user's own is asked at each look, so that there are fewer.
    """
    own = rule.measure == "query"
    step = _minutes(length, MOST_QUERIES if own else POINTS)
    if own or rule.what.period:
        return step
    twice = 2 if rule.hold else 1  # what has to last is seen twice
    return max(_minutes(length, LOOKS), min(step, rule.window // twice // MINUTE * MINUTE))


def _minutes(length: int, looks: int) -> int:
    """Give the whole minutes, in seconds, that are between so many looks at most."""
    return max(MINUTE, -(-length // looks // MINUTE) * MINUTE)


def _shown(rule: Rule, samples: dict[int, Sample]) -> list[tuple[int, Sample]]:
    """Choose points that can be drawn: the worst of every few looks."""
    looks = list(samples.items())
    every = -(-len(looks) // POINTS) or 1
    worst = max if rule.upward else min
    chosen: list[tuple[int, Sample]] = []
    for begin in range(0, len(looks), every):
        beside = looks[begin : begin + every]
        known = [look for look in beside if look[1].value is not None]
        chosen.append(worst(known, key=lambda look: look[1].value or 0.0) if known else beside[0])
    return chosen


def _compared(reader: Reader, rule: Rule, now: float, length: float) -> dict[int, Sample]:
    """Compare every full hour with what was usual then."""
    last = int(now) // HOUR * HOUR - HOUR
    first = last - max(0, int(length) // HOUR - 1) * HOUR
    values = reader.hours(rule, first, last)
    noise = {day: noise_before(values, day) for day in range(first // DAY * DAY, last + 1, DAY)}  # it hardly changes
    samples: dict[int, Sample] = {}
    for hour in range(first, last + 1, HOUR):
        value = values.get(hour)
        usual = None if value is None else baseline(values, hour, rule.least_spread, noise[hour // DAY * DAY])
        samples[hour + HOUR] = Sample(None, None) if value is None else judged(rule, value, usual)
    return samples


def _incidents(rule: Rule, samples: dict[int, Sample], step: int) -> list[dict[str, Any]]:
    state, found = State(), list[dict[str, Any]]()
    for at, sample in samples.items():
        state, events = advance(rule, state, sample, Circumstances(float(at), float(step)))
        for event in events:
            if event.what is What.FIRING:
                found.append({"fired": at, "resolved": None, "worst": event.value})
            elif event.what is What.RESOLVED and found:
                found[-1]["resolved"] = at
        if found and found[-1]["resolved"] is None and sample.value is not None:
            worst = found[-1]["worst"]
            better = max if rule.upward else min
            found[-1]["worst"] = sample.value if worst is None else better(worst, sample.value)
    return found
