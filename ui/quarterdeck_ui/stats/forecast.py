"""What a month will have cost at its end."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from quarterdeck_ui.stats.hypotheses import Floats

METHOD: Final = "same-weekday bootstrap over the last eight weeks"
_WEEKS: Final = 8
_FEWEST_DAYS: Final = 14
_DRAWS: Final = 4000
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Forecast:
    """The sum of a month: what it is so far, and what it will be with the end of an interval on either side."""

    so_far: float
    expected: float
    low: float
    high: float
    level: float


def month_end(by_day: Mapping[date, float], today: date, *, level: float = 0.8) -> Forecast | None:
    """Sum of this month at its end.

    Each day that is left costs what some same weekday of the last eight weeks did, drawn again and again (the bootstrap
    of Efron 1979, by weekday): weeks keep their rhythm, and the interval is as wide as days differ. The eight are drawn
    first, since they are a sample themselves. The rest of today is what such a day would have in all, less what it has
    already, and never below 0.

    Args:
        by_day: Sum of each whole day, and of today so far; days that are missing have none.
        today: The day that is not over.
        level: Share of months that end within the interval.

    Returns:
        None with less than two weeks of days.
    """
    first = min(by_day, default=today)
    known = min((today - first).days, 7 * _WEEKS)
    if known < _FEWEST_DAYS:
        return None
    past = [today - timedelta(days=back) for back in range(1, known + 1)]
    chance = np.random.default_rng(_SEED)
    pools = [_drawn([by_day.get(day, 0.0) for day in past if day.weekday() == weekday], chance) for weekday in range(7)]
    days = calendar.monthrange(today.year, today.month)[1]
    left = [today.replace(day=number) for number in range(today.day, days + 1)]
    so_far = sum(amount for day, amount in by_day.items() if (day.year, day.month) == (today.year, today.month))
    spent, sums = by_day.get(today, 0.0), np.full(_DRAWS, so_far)
    for day in left:
        pool = pools[day.weekday()]
        drawn = pool[np.arange(_DRAWS), chance.integers(0, pool.shape[1], _DRAWS)]
        sums += np.maximum(drawn - spent, 0) if day == today else drawn
    low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
    return Forecast(so_far, float(sums.mean()), float(low), float(high), level)


def _drawn(days: list[float], chance: np.random.Generator) -> Floats:
    """As many days as there are, drawn from them with repetition: a row for each draw."""
    return np.asarray(days)[chance.integers(0, len(days), (_DRAWS, len(days)))]
