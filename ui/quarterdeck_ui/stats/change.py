"""At which point a series begins to be another one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarterdeck_ui.stats.hypotheses import midranks

_SHORTEST: Final = 8
"""Points that a stretch must have to be told from its neighbour."""


@dataclass(frozen=True, slots=True)
class Change:
    """A series goes from one median to another.

    Args:
        at: Number of the first point after the change.
        before: Median of the stretch before it.
        after: Median of the stretch behind it.
        p: p-value.
    """

    at: int
    before: float
    after: float
    p: float


def pettitt(values: Sequence[float]) -> tuple[int, float, float]:
    """The likeliest point of change of a series, by the rank test of Pettitt (1979).

    It supposes no distribution, and single days that stand out do not move it.

    Returns:
        Number of the first point after the change, the statistic K, and its p-value (an upper bound).
    """
    n = len(values)
    if n < 2:  # noqa: PLR2004 - one point cannot change
        return 0, 0.0, 1.0
    ranks = midranks(np.asarray(values, float))
    u = 2 * np.cumsum(ranks)[:-1] - np.arange(1, n) * (n + 1)
    at = int(np.argmax(np.abs(u)))
    k = float(abs(u[at]))
    return at + 1, k, min(1.0, 2 * math.exp(-6 * k**2 / (n**3 + n**2)))


def changes(values: Sequence[float], *, alpha: float = 0.01, least: float = 0.1) -> list[Change]:
    """All points of change, by binary segmentation: each stretch is tested again until none changes.

    Args:
        values: The series, all above 0.
        alpha: Largest p-value of a change.
        least: Smallest change that counts, as a share of the median before it.
    """
    points = sorted(_split(values, 0, len(values), alpha))
    edges = [0, *(at for at, _ in points), len(values)]
    found = []
    for number, (at, p) in enumerate(points, 1):
        before = float(np.median(values[edges[number - 1] : at]))
        after = float(np.median(values[at : edges[number + 1]]))
        if before and abs(after / before - 1) >= least:
            found.append(Change(at, before, after, p))
    return found


def _split(values: Sequence[float], begin: int, end: int, alpha: float) -> list[tuple[int, float]]:
    if end - begin < 2 * _SHORTEST:
        return []
    at, _, p = pettitt(values[begin:end])
    if p > alpha or at < _SHORTEST or end - begin - at < _SHORTEST:
        return []
    middle = begin + at
    return [(middle, p), *_split(values, begin, middle, alpha), *_split(values, middle, end, alpha)]
