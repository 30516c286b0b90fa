"""Means and paired differences with their confidence intervals (Student's t).

SciPy has these, and with NumPy 200 MB; the tests compare with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

CONFIDENCE: Final = 0.95

_ROUNDS: Final = 300
_TINY: Final = 1e-300
_EXACT: Final = 1e-15


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Args:
        count: how many values there are.
        mean: their mean.
        low: lower end of the confidence interval; ``None`` for fewer than two values.
        high: its upper end.
        p_value: how likely a mean so far from zero would be if the true one were zero.
    """

    count: int
    mean: float
    low: float | None
    high: float | None
    p_value: float | None


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The mean of values and its confidence interval; of paired differences, the paired t-test. ``None`` for no value.

    Args:
        values: the values, or the difference of each pair.
        confidence: between 0 and 1.
    """
    count = len(values)
    if not count:
        return None
    mean = fmean(values)
    if count == 1:
        return Interval(1, mean, None, None, None)
    error = stdev(values) / math.sqrt(count)
    if not error:
        return Interval(count, mean, mean, mean, 0.0 if mean else 1.0)
    half = error * quantile(1 - (1 - confidence) / 2, count - 1)
    return Interval(count, mean, mean - half, mean + half, tails(mean / error, count - 1))


def tails(t: float, freedom: int) -> float:
    """How likely Student's t lies at least so far from zero, on either side.

    Args:
        t: the statistic.
        freedom: degrees of freedom, at least 1.
    """
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def quantile(share: float, freedom: int) -> float:
    """The t below which a share of Student's distribution lies.

    Args:
        share: between 0.5 and 1.
        freedom: degrees of freedom, at least 1.
    """
    high = 1.0
    while tails(high, freedom) / 2 > 1 - share:
        high *= 2
    return _root(lambda t: 1 - tails(t, freedom) / 2 - share, 0.0, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a growing function is zero, by halving."""
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The fraction converges quickly on one side of the mean only.
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(b, a, 1 - x) / b
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's way to work a continued fraction out."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _ROUNDS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
