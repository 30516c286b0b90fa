"""Fills a data directory with months of runs."""

import math
import random
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from quarterdeck_collector import prices
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore
from support.past import plan
from support.past.facts import FACTS, SITES, Fact

DATABASE: Final = "quarterdeck"
SUITE_CALLS: Final = 40_000
DAYS: Final = 90
HOUR_S: Final = 3600
DAY_S: Final = 86_400
_RUNS_PER_INSERT: Final = 12_000
_SQL: Final = Path(__file__).with_name("past.sql")

# Share of a week's runs by weekday from Monday on, and of a day's by hour (UTC).
_WEEKDAYS: Final = (1.15, 1.2, 1.2, 1.15, 1.05, 0.4, 0.35)
_SATURDAY: Final = 5
_GROWTH: Final = 0.1
"""How much more there is to do at the end than at the begin."""


@dataclass(frozen=True)
class Past:
    """A history that was made.

    Args:
        began: Its first second, since the epoch: a midnight (UTC).
        days: Days from there on that it has runs of; the last one ends early.
        facts: What is planted in it.
    """

    began: int
    days: int
    facts: frozenset[Fact]

    @classmethod
    def before(cls, end: float, days: int, facts: Collection[Fact]) -> "Past":
        """The history whose last day holds ``end``, seconds since the epoch."""
        return cls(int(end) // DAY_S * DAY_S - (days - 1) * DAY_S, days, frozenset(facts))

    def span_of(self, fact: Fact) -> tuple[int, int]:
        """First second of a planted fact and the first one after it, since the epoch; one of a day is on a weekday."""
        site = SITES[fact]
        begin = self.began + site.day * DAY_S
        if site.days == 1 and _weekday(begin) >= _SATURDAY:
            begin += (7 - _weekday(begin)) * DAY_S
        if site.hour >= 0:
            return begin + site.hour * HOUR_S, begin + (site.hour + 1) * HOUR_S
        return begin, begin + site.days * DAY_S if site.days else self.began + self.days * DAY_S


def make(
    folder: Path,
    *,
    calls: int = SUITE_CALLS,
    days: int = DAYS,
    facts: Collection[Fact] = (),
    until: float | None = None,
    seed: int = 7,
) -> Past:
    """Make the history in the data directory of a collector that does not run.

    A process can do this for one folder only; equal arguments make equal rows.

    Args:
        folder: Data directory.
        calls: Model calls, about.
        days: Days before ``until`` that they cover, the last one included.
        facts: What to plant; without any the history is clean.
        until: End of the history, seconds since the epoch; by default the last full minute.
        seed: Another one makes another history.
    """
    end = int(until or time.time()) // 60 * 60
    past = Past.before(end, days, facts)
    folder.mkdir(parents=True, exist_ok=True)
    store = EmbeddedStore(folder / "store", DATABASE)
    try:
        migrate(store)
        prices.load(store)
        for hours in _portions(_runs_by_hour(past, end, calls, seed)):
            store.command(_insert(past, hours, end, seed))
    finally:
        store.close()
    return past


def _weekday(at: int) -> int:
    """Days since Monday (UTC)."""
    return (at // DAY_S + 3) % 7  # the epoch was a Thursday


def _busy(at: int, past: Past) -> float:
    """How much is to do in an hour: most on weekdays before and after noon, least at night."""
    hour = at % DAY_S / HOUR_S
    daily = 0.25 + math.exp(-((hour - 10) ** 2) / 8) + 0.8 * math.exp(-((hour - 15) ** 2) / 8)
    return _WEEKDAYS[_weekday(at)] * daily * (1 + _GROWTH * (at - past.began) / (past.days * DAY_S))


def _runs_by_hour(past: Past, end: int, calls: int, seed: int) -> list[tuple[int, int, int]]:
    """Begin of each hour, number of its first run, and its runs: about as many as it is busy."""
    chance = random.Random(seed)  # noqa: S311 - a load, no secret
    hours = range(past.began, end, HOUR_S)
    busy = [_busy(at, past) * min(end - at, HOUR_S) / HOUR_S for at in hours]
    scale = calls / plan.calls_per_run() / sum(busy)
    found, first = [], 0
    for at, much in zip(hours, busy, strict=True):
        runs = max(0, round(chance.gauss(much * scale, math.sqrt(much * scale))))
        found.append((at, first, runs))
        first += runs
    return found


def _portions(hours: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    portion: list[tuple[int, int, int]] = []
    for hour in hours:
        portion.append(hour)
        if sum(runs for _, _, runs in portion) >= _RUNS_PER_INSERT:
            yield portion
            portion = []
    if portion:
        yield portion


def _insert(past: Past, hours: list[tuple[int, int, int]], end: int, seed: int) -> str:
    planted = {fact: int(fact in past.facts) for fact in FACTS}
    places = {
        f"{fact}_{name}": value
        for fact, site in SITES.items()
        for name, value in {
            "pipeline": f"'{site.pipeline}'",
            "step": f"'{site.step}'",
            "provider": f"'{site.provider}'",
            "from": past.span_of(fact)[0],
            "to": past.span_of(fact)[1],
        }.items()
    }
    return Template(_SQL.read_text()).substitute(
        places,
        **planted,
        db=DATABASE,
        seed=seed,
        began=past.began,
        end=end,
        plan=plan.literal(),
        slots=plan.slots(),
        hours="[" + ", ".join(f"({at}, {first}, {runs})" for at, first, runs in hours) + "]",
        token=f"past-{seed}-{hours[0][0]}-{len(hours)}",
    )
