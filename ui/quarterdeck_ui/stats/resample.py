"""Intervals by drawing the days of a range again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarterdeck_ui.stats.hypotheses import Floats

DRAWS: Final = 2000
_SEED: Final = 11
"""The same numbers give the same interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether 1, no difference, lies outside of the interval."""
        return not self.low <= 1 <= self.high


def ratio_of_days(
    one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]], *, level: float = 0.95
) -> Estimate | None:
    """How many times as much one thing takes as the other, from sums of the same days.

    The paired percentile bootstrap (Efron & Tibshirani 1993): whole days are drawn, the same ones for both, so that
    what a day does to both cancels out and calls of one day need not be independent.

    Args:
        one: For each day, a sum and the number of cases in it.
        other: The same of what it is compared with, day by day.
        level: Share of such intervals that hold the true value.

    Returns:
        None where a side has no cases or nothing to divide by.
    """
    mine, theirs = np.asarray(one, float).reshape(-1, 2), np.asarray(other, float).reshape(-1, 2)
    value = _ratio(mine.sum(axis=0), theirs.sum(axis=0))
    if not np.isfinite(value):
        return None
    drawn = np.random.default_rng(_SEED).integers(0, len(mine), (DRAWS, len(mine)))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _ratio(mine[drawn].sum(axis=1).T, theirs[drawn].sum(axis=1).T)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(value), float(low), float(high))


def _ratio(one: Floats, other: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = (one[0] / one[1]) / (other[0] / other[1])
    return found
