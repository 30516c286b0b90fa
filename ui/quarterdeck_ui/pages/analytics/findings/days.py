"""Days that cost too much, and days from which on runs take longer or shorter."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from quarterdeck_ui import stats
from quarterdeck_ui.pages.analytics import links, numbers
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.queries import DAY_S

_LEAST_Z: Final = 8.0
_LEAST_TIMES: Final = 2.0
_LEAST_SHARE: Final = 0.2
"""A day's excess must be this share of what all steps together cost on a usual day."""

_FEWEST_DAYS: Final = 10
_SAME_DAYS: Final = 3
"""A weekday is judged by itself from so many of them on."""

_FEWEST_RUNS: Final = 5
_ALPHA: Final = 0.01
_LEAST_CHANGE: Final = 0.15
_NEAR_DAYS: Final = 3
_NS: Final = 10**9
_WEEK: Final = 7


def cost_spikes(known: Evidence) -> list[Finding]:
    """Days on which a step cost far more than on the same weekday of other weeks."""
    by_step: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for each in known.cost_by_step:
        by_step[each.part][each.at] = each.cost
    days = _days(at for costs in by_step.values() for at in costs)
    usual_sum = median([sum(costs.get(at, 0.0) for costs in by_step.values()) for at in days] or [0.0])
    found = []
    for step, costs in by_step.items():
        mine = [at for at in days if at >= min(costs)]
        usual = expected(mine, costs)
        z = stats.modified_z([costs.get(at, 0.0) - usual[at] for at in mine])
        for at, far in zip(mine, z, strict=True):
            spent, due = costs.get(at, 0.0), usual[at]
            large = spent >= _LEAST_TIMES * due and spent - due >= _LEAST_SHARE * usual_sum
            if len(mine) >= _FEWEST_DAYS and far >= _LEAST_Z and large and (at + DAY_S) * _NS > known.asked.since_ns:
                found.append(_spike(known, step, at, spent, due))
    return sorted(found, key=lambda each: -each.at)


def _spike(known: Evidence, step: str, at: int, spent: float, due: float) -> Finding:
    within = links.during(known.asked, at, DAY_S)
    times = f"{spent / due:.0f} times its usual {numbers.money(due)}" if due else "on other days next to nothing"
    return Finding(
        "cost_spike",
        step,
        f"{step} cost {numbers.money(spent)} on {numbers.day(at)}",
        f"That is {times} (median of the same weekday; modified z-score of Iglewicz and Hoaglin above {_LEAST_Z:g}).",
        links.part(within, "step", step),
        at,
    )


def expected(days: Sequence[int], values: Mapping[int, float]) -> dict[int, float]:
    """What a day usually has: the median of the other days of its weekday, of all other days where those are few."""
    found = {}
    for at in days:
        others = [each for each in days if each != at]
        same = [each for each in others if (each - at) % (_WEEK * DAY_S) == 0]
        chosen = same if len(same) >= _SAME_DAYS else others
        found[at] = median([values.get(each, 0.0) for each in chosen] or [0.0])
    return found


def slower_or_faster(known: Evidence, explained: Sequence[Finding]) -> list[Finding]:
    """Days from which on the runs of a pipeline take longer or shorter, unless a version explains it."""
    series: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for each in known.runs_by_day:
        if each.runs >= _FEWEST_RUNS:
            series[each.part][each.at] = each.took[0]
    found = []
    for pipeline, medians in series.items():
        days = sorted(medians)
        values = [medians[at] for at in days]
        for change in stats.changes(values, alpha=_ALPHA / len(series), least=_LEAST_CHANGE):
            at = days[change.at]
            near = [each for each in explained if each.where == pipeline and abs(each.at - at) <= _NEAR_DAYS * DAY_S]
            if not near and (at + DAY_S) * _NS > known.asked.since_ns:
                found.append(_changed(known, pipeline, at, change))
    return found


def _changed(known: Evidence, pipeline: str, at: int, change: stats.Change) -> Finding:
    word = "slower" if change.after > change.before else "faster"
    detail = f"{numbers.seconds(change.before)} before, {numbers.seconds(change.after)} since (daily medians)"
    whole = links.during(known.asked, at, (known.asked.until_ns / _NS) - at)
    return Finding(
        "change",
        pipeline,
        f"{pipeline} is {word} since {numbers.day(at)}",
        f"{detail}; Pettitt's test, p = {change.p:.2g}.",
        links.part(whole, "pipeline", pipeline),
        at,
    )


def _days(found: Iterable[int]) -> list[int]:
    """Every day from the first to the last, those without calls too."""
    known = set(found)
    return list(range(min(known), max(known) + 1, DAY_S)) if known else []
