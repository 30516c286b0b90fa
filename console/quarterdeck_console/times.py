"""Points in time as people write them."""

import re
import time
from datetime import UTC, datetime
from typing import Final

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_NANOSECONDS: Final = 1_000_000_000
_LATEST: Final = 2**63 - 1


def moment(text: str, now_ns: int | None = None) -> int:
    """Read a point in time, nanoseconds since the epoch.

    Args:
        text: how long ago, such as ``10m``, ``24h`` or ``7d``; a date, or a date and time, ISO 8601, UTC unless it says
            otherwise; or ``now``.
        now_ns: the present; by the clock if not given.

    Raises:
        ValueError: it is none of these; the message says what is.
    """
    now = time.time_ns() if now_ns is None else now_ns
    said = text.strip()
    if said == "now":
        return now
    if found := _SPAN.fullmatch(said):
        ago = int(float(found[1]) * _SECONDS[found[2]] * _NANOSECONDS)
        return max(now - ago, 0)
    try:
        read = datetime.fromisoformat(said)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write how long ago (10m, 24h, 7d), a date (2026-11-24), or a time (2026-11-24T22:30)"
        ) from None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return min(max(int(aware.timestamp()) * _NANOSECONDS + aware.microsecond * 1_000, 0), _LATEST)
