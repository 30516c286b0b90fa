"""Numbers as people read them (pure)."""

import math
from datetime import UTC, datetime

_MINUTE_S, _HOUR_S = 60, 3600


def money(usd: float) -> str:
    """Dollars with as many places as tell something."""
    if not usd:
        return "$0"
    return f"${usd:,.0f}" if abs(usd) >= 1000 else f"${usd:,.2f}" if abs(usd) >= 0.1 else f"${usd:.2g}"  # noqa: PLR2004 - where reading changes


def count(value: float) -> str:
    """A number, from ten thousand on short."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e4, "")):
        if abs(value) >= size:
            return f"{value / (size if letter else 1e3):.1f}{letter or 'k'}"
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """A duration."""
    if math.isnan(value):
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < _MINUTE_S:
        return f"{value:.1f} s"
    if value < _HOUR_S:
        return f"{value // 60:.0f} min {value % 60:.0f} s"
    return f"{value // 3600:,.0f} h {value % 3600 // 60:.0f} min"


def percent(share: float) -> str:
    """A share, small ones with a place."""
    if math.isnan(share):
        return "-"
    return f"{share * 100:.1f} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"  # noqa: PLR2004 - where reading changes


def day(at: float) -> str:
    """The day of a second since the epoch (UTC)."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b %Y")


def hour(at: float) -> str:
    """The hour of a second since the epoch (UTC)."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b %Y %H:%M UTC")


def moment(at: float) -> datetime:
    """A second since the epoch as Python knows it (UTC)."""
    return datetime.fromtimestamp(at, UTC)
