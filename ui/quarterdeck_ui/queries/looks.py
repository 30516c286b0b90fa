"""How far a search looks back at once: further while that is fast."""

from typing import Final

HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS

_MOST_DAYS: Final = 16
_FAST_S, _SLOW_S = 0.02, 0.045


def back(until: int, days: int) -> int:
    """The begin of the days that end at a time, nanoseconds; an hour before it at first, where most pages are full.

    Rows are sorted by day: a part of a day takes as long as all of it.
    """
    return (until // DAY_NS + 1 - days) * DAY_NS if days else until - HOUR_NS


def further(days: int, took: float) -> int:
    """Look at more days at once while that is fast, and at fewer when it is slow.

    Args:
        days: How many were looked at.
        took: Seconds that this has taken.
    """
    if took < _FAST_S:
        return min(2 * days, _MOST_DAYS) or 1
    return max(days // 2, 1) if took > _SLOW_S else days or 1
