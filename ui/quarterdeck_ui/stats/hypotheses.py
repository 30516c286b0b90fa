"""Tests of two samples, and the correction for having made many of them."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_AS_LIKELY: Final = 1 + 1e-7
"""Outcomes that only rounding tells apart are equally likely."""


def midranks(values: Floats) -> Floats:
    """Rank of each value, counted from 1; equal values share the middle of their ranks."""
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(many)
    middle: Floats = (ends - (many - 1) / 2)[place]
    return middle


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """p-value that two samples differ in place, by the two-sided U test of Mann and Whitney.

    The normal approximation with corrections for ties and continuity (Mann & Whitney 1947); both samples should have
    eight values or more. 1 where a sample is empty or all values are equal.
    """
    n, m = len(one), len(other)
    if not n or not m:
        return 1.0
    both = np.concatenate([np.asarray(one, float), np.asarray(other, float)])
    ranks = midranks(both)
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    ties = np.unique(both, return_counts=True)[1].astype(float)
    whole = n + m
    variance = n * m / 12 * (whole + 1 - float((ties**3 - ties).sum()) / (whole * (whole - 1)))
    if variance <= 0:
        return 1.0
    z = (abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


def fisher_exact(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """p-value that two shares differ, by the two-sided exact test of Fisher (1935).

    Args:
        hits: Cases in the first group.
        of: Size of the first group.
        other_hits: Cases in the second group.
        other_of: Size of the second group.
    """
    cases = hits + other_hits
    possible = range(max(0, cases - other_of), min(cases, of) + 1)
    if len(possible) <= 1:
        return 1.0
    logs = np.array([_log_choose(of, k) + _log_choose(other_of, cases - k) for k in possible])
    chances = np.exp(logs - logs.max())
    as_rare = chances <= chances[hits - possible.start] * _AS_LIKELY
    return min(1.0, float(chances[as_rare].sum() / chances.sum()))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def corrected(p_values: Sequence[float]) -> list[float]:
    """The same p-values, corrected for their number: of what lies below 5 %, 5 % are wrong.

    The false discovery rate of Benjamini and Hochberg (1995).
    """
    if not p_values:
        return []
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    found = np.empty(len(p))
    found[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(value) for value in np.minimum(found, 1)]
