"""What a screen limits itself to: a range of time, an environment and a service."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 200
_LONGEST_RANGE_S: Final = 366 * 86_400
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A range of time, an environment and a service; what is empty or 0 limits nothing.

    Args:
        seconds: Length of a range that ends now.
        since_ms: Begin of a fixed range, milliseconds since the epoch.
        until_ms: Its end.
        environment: Name of a deployment environment.
        service: Name of a service.
    """

    seconds: float = 0.0
    since_ms: float = 0.0
    until_ms: float = 0.0
    environment: str = ""
    service: str = ""

    def bounds(self, now_ns: int) -> tuple[int, int]:
        """Begin and end of the range in nanoseconds; 0 where it is open."""
        if self.seconds:
            return now_ns - int(self.seconds * 1e9), 0
        return int(self.since_ms * _NS_PER_MS), int(self.until_ms * _NS_PER_MS)

    def fits(self, environment: str | None, service: str | None) -> bool:
        """Whether something of this environment and service is meant; what is not known (None) fits."""
        return all(
            not wanted or known in {None, wanted}
            for wanted, known in ((self.environment, environment), (self.service, service))
        )


def scope_of(said: Mapping[str, Any]) -> Scope:
    """Read a scope from what a browser says (``range`` and ``filter``); what makes no sense limits nothing."""
    span, wanted = mapping(said.get("range")), mapping(said.get("filter"))
    return Scope(
        seconds=min(number(span.get("seconds")) or 0.0, _LONGEST_RANGE_S),
        since_ms=number(span.get("from")) or 0.0,
        until_ms=number(span.get("to")) or 0.0,
        environment=str(wanted.get("environment") or "")[:_LONGEST],
        service=str(wanted.get("service") or "")[:_LONGEST],
    )


def number(value: Any) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(min(value, 9e12))


def mapping(value: Any) -> Mapping[str, Any]:
    """What a browser said, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}
