"""What is usual at an hour of the week.

A value is compared with those of the same hour of the week and of the hours beside it, in the weeks before, by the
modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): the distance from their median in
scaled median absolute deviations, which a few odd weeks do not move.
"""

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

_LEAST_SPREAD: Final = 0.1
"""Share of the median that the spread is at least: a series that hardly ever varies would cry at every trifle."""


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


def baseline(history: Mapping[int, float | None], hour: int, change: float) -> Baseline | None:
    """Learn what is usual at an hour.

    Args:
        history: Value of the window that ends at each full hour, by seconds since the epoch. Hours before anything
            was recorded must be missing or None.
        hour: The full hour in question; nothing from it or later is used.
        change: Smallest difference from the usual that matters.

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
    spread = max(deviation, _LEAST_SPREAD * abs(centre), change)
    return Baseline(centre, spread) if spread else None
