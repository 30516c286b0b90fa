"""What is usual at an hour of the week.

A value is compared with those of the same hour of the week and of the hours beside it, in the weeks before, by the
modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): the distance from their median in
scaled median absolute deviations, which a few odd weeks do not move.

A few weeks say little about how far values of one hour of the week lie apart: six of them may happen to be close
together. So the spread is never less than what all hours tell of the series: how much it changes from one week to the
next. What is summed up from single calls has a variance in proportion to its mean (a compound Poisson process), so this
noise is known for hours of any level, and for those in which there mostly is nothing. The median of a few weeks is
itself uncertain: its variance, pi / 2 of the mean's, adds to that of a new value, as in a prediction interval.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

HOUR: Final = 3600
WEEK: Final = 7 * 24 * HOUR

WEEKS: Final = 6
"""How many weeks are looked back on."""

BESIDE: Final = (-1, 0, 1)
"""The hours of each week that are looked at, from the one in question."""

FEWEST_WEEKS: Final = 3
FEWEST_VALUES: Final = 8
"""With fewer there is no usual, and no alarm."""

_NORMAL: Final = 1.4826
"""Median absolute deviations in a standard deviation of the normal distribution."""

_NORMAL_MEAN: Final = 1.2533
"""Mean absolute deviations in one: for series of which more than half is the same value."""

_LEAST_SHARE: Final = 0.1
"""Share of the median that the spread is at least: a series that hardly ever varies would cry at every trifle."""


History = Mapping[int, float | None]
"""Value of the window that ends at each full hour, by seconds since the epoch.

Hours before anything was recorded must be missing or None.
"""


@dataclass(frozen=True)
class Baseline:
    """What is usual.

    Args:
        centre: Median.
        spread: One deviation.
    """

    centre: float
    spread: float

    def score(self, value: float) -> float:
        """Give the distance of a value in deviations."""
        return (value - self.centre) / self.spread

    def band(self, deviations: float) -> tuple[float, float]:
        """Give the lowest and highest value within so many deviations; nothing that is measured is negative."""
        return max(0.0, self.centre - deviations * self.spread), self.centre + deviations * self.spread


def baseline(history: History, hour: int, least_spread: float, noise: float = 0.0) -> Baseline | None:
    """Learn what is usual at an hour.

    Args:
        history: What was measured.
        hour: The full hour in question; nothing from it or later is used.
        least_spread: One deviation is never less, in the unit of the values.
        noise: Variance of the series per unit of its mean, see :func:`noise_before`.

    Returns:
        None if too little is known, or never anything but 0.
    """
    weeks: dict[int, list[float]] = {}
    for week in range(1, WEEKS + 1):
        found = (history.get(hour - week * WEEK + beside * HOUR) for beside in BESIDE)
        values = [value for value in found if value is not None]
        if values:
            weeks[week] = values
    known = [value for values in weeks.values() for value in values]
    if len(weeks) < FEWEST_WEEKS or len(known) < FEWEST_VALUES:
        return None
    centre = median(known)
    apart = [abs(value - centre) for value in known]
    deviation = _NORMAL * median(apart) or _NORMAL_MEAN * fmean(apart)
    by_chance = math.sqrt(noise * (abs(centre) + noise) * (1 + math.pi / 2 / len(weeks)))
    spread = max(deviation, by_chance, _LEAST_SHARE * abs(centre), least_spread)
    return Baseline(centre, spread) if spread else None


def noise_before(history: History, hour: int) -> float:
    """Give the variance of a series per unit of its mean: what one call adds, where it is a sum over calls.

    Args:
        history: What was measured.
        hour: Nothing from it or later is used; all of the weeks before it is.
    """
    found: list[float] = []
    for at in range(hour - (WEEKS - 1) * WEEK, hour, HOUR):
        value, before = history.get(at), history.get(at - WEEK)
        if value is not None and before is not None and value + before > 0:
            found.append(abs(value - before) / math.sqrt(value + before))
    return (_NORMAL * median(found)) ** 2 if found else 0.0
