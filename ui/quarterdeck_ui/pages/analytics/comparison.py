"""Models, or providers, that did the same step: how many times as much one takes as the other (pure)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from quarterdeck_ui import stats
from quarterdeck_ui.queries import Again, WorkDay
from quarterdeck_ui.stats import Estimate

FEWEST_CALLS: Final = 30
FEWEST_DAYS: Final = 5

Who = Callable[[WorkDay | Again], str]
Place = tuple[str, str]
"""Pipeline and step."""

BY: Final[Mapping[str, Who]] = {"model": lambda each: each.model, "provider": lambda each: each.provider}


@dataclass
class Work:
    """What one model, or provider, did in a step; ``by_day`` has the same sums of each day."""

    calls: int = 0
    errors: int = 0
    again: int = 0
    answers: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    priced: int = 0
    first: float = 0.0
    streamed: int = 0
    streaming: int = 0
    stream_seconds: float = 0.0

    def add(self, day: WorkDay) -> None:
        """Take the sums of a day in."""
        for each in fields(self):
            if each.name != "again":
                setattr(self, each.name, getattr(self, each.name) + getattr(day, each.name))


@dataclass(frozen=True)
class Aspect:
    """What is compared: a sum and the cases in it.

    Args:
        name: Column of a table.
        title: In words, with the unit.
        sum: What is divided.
        of: What it is divided by.
        more_is_better: Whether a larger value is wished for.
    """

    name: str
    title: str
    sum: Callable[[Work], float]
    of: Callable[[Work], float]
    more_is_better: bool = False

    def value(self, work: Work) -> float | None:
        """The mean, or the rate."""
        return self.sum(work) / self.of(work) if self.of(work) else None


ASPECTS: Final = (
    Aspect("cost", "cost of a call", lambda w: w.cost, lambda w: w.priced),
    Aspect("latency", "latency", lambda w: w.seconds, lambda w: w.answers),
    Aspect("first", "time to first token", lambda w: w.first, lambda w: w.streamed),
    Aspect("speed", "tokens per second", lambda w: w.streaming, lambda w: w.stream_seconds, more_is_better=True),
    Aspect("errors", "error rate", lambda w: w.errors, lambda w: w.calls),
    Aspect("again", "retry rate", lambda w: w.again, lambda w: w.calls),
)


@dataclass(frozen=True)
class Compared:
    """One who does a step beside the one that does most of it: an estimate by aspect, None where none can be made."""

    place: Place
    base: str
    other: str
    base_work: Work
    other_work: Work
    estimates: Mapping[str, Estimate | None]


def compared(days: Iterable[WorkDay], again: Iterable[Again], by: str) -> list[Compared]:
    """Everyone with enough calls beside the one with most calls of the same step.

    Args:
        days: What was done on each day.
        again: Calls that were made again.
        by: ``model`` or ``provider``.
    """
    whole, by_day = _sums(days, again, BY[by])
    found = []
    for place, workers in whole.items():
        able = sorted(
            (who for who in workers if workers[who].calls >= FEWEST_CALLS), key=lambda w: (-workers[w].calls, w)
        )
        for other in able[1:]:
            estimates = _estimates(by_day[place, able[0]], by_day[place, other])
            found.append(Compared(place, able[0], other, workers[able[0]], workers[other], estimates))
    return found


def _sums(
    days: Iterable[WorkDay], again: Iterable[Again], who: Who
) -> tuple[dict[Place, dict[str, Work]], dict[tuple[Place, str], dict[int, Work]]]:
    whole: defaultdict[Place, dict[str, Work]] = defaultdict(dict)
    by_day: defaultdict[tuple[Place, str], dict[int, Work]] = defaultdict(dict)
    for day in days:
        place = day.pipeline, day.step
        whole[place].setdefault(who(day), Work()).add(day)
        by_day[place, who(day)].setdefault(day.day, Work()).add(day)
    for each in again:
        place = each.pipeline, each.step
        for work in (whole[place].get(who(each)), by_day[place, who(each)].get(each.day)):
            if work:
                work.again += each.calls
    return dict(whole), dict(by_day)


def _estimates(base: Mapping[int, Work], other: Mapping[int, Work]) -> dict[str, Estimate | None]:
    both = sorted(base.keys() & other.keys())
    if len(both) < FEWEST_DAYS:
        return {aspect.name: None for aspect in ASPECTS}
    return {
        aspect.name: stats.ratio_of_days(
            [(aspect.sum(other[day]), aspect.of(other[day])) for day in both],
            [(aspect.sum(base[day]), aspect.of(base[day])) for day in both],
        )
        for aspect in ASPECTS
    }


def verdict(aspect: Aspect, estimate: Estimate | None) -> str:
    """The interval in words: what can be said, and that nothing can."""
    if estimate is None:
        return "too few days or cases"
    if not estimate.differs:
        return "no difference to see"
    return "better" if (estimate.value > 1) == aspect.more_is_better else "worse"
