"""Reads the charts that someone looks at: once for all screens of one scope, long ranges less often."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Final

from quarterdeck_ui import queries
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.queries import ChartRange, Store
from quarterdeck_ui.queries.performance import WINDOW_S
from quarterdeck_ui.scope import Scope

_NS: Final = 10**9
_AHEAD_NS: Final = 60 * _NS
"""What a clock that is a little fast may be ahead."""

_AT_ONCE: Final = 3
"""Scopes that are read before the live events have their turn again."""

_EVERY_S: Final = ((3600, 3.0), (86_400, 15.0))
"""How often a range is read that is at most so many seconds long."""

_LONG_EVERY_S: Final = 60.0
_PAST_EVERY_S: Final = 600.0


@dataclass
class ChartReader:
    """Keeps the charts of a hub fresh.

    Args:
        hub: Knows what is looked at, and keeps what was read.
        store: ClickHouse.
    """

    hub: Hub
    store: Store
    _due: dict[Scope, float] = field(default_factory=dict)

    async def read(self, now_ns: int) -> None:
        """Read the charts whose time has come, those that waited longest first."""
        now = time.monotonic()
        wanted = self.hub.charted()
        self._due = {scope: self._due.get(scope, 0.0) for scope in wanted}
        ready = sorted((at, number, scope) for number, scope in enumerate(wanted) if (at := self._due[scope]) <= now)
        for _, _, scope in ready[:_AT_ONCE]:
            asked = chart_range(scope, now_ns)
            self.hub.chart(scope, await asyncio.to_thread(queries.performance, self.store, asked))
            self._due[scope] = now + every(asked, now_ns)


def chart_range(scope: Scope, now_ns: int) -> ChartRange:
    """What the charts of a scope show: of an open range, the part before now; without one, :data:`WINDOW_S`.

    What ends now begins and ends with an interval, so that charts to which nothing came stay equal.
    """
    since, until = scope.bounds(now_ns)
    open_ended, until = not until, until or now_ns + _AHEAD_NS
    since = min(since or min(until, now_ns) - WINDOW_S * _NS, until - _NS)
    asked = ChartRange(since, until, scope.environment, scope.service)
    width = asked.bucket * _NS
    return replace(asked, since_ns=since // width * width, until_ns=-(-until // width) * width) if open_ended else asked


def every(asked: ChartRange, now_ns: int) -> float:
    """Seconds after which charts are read again."""
    if asked.until_ns < now_ns - 3600 * _NS:
        return _PAST_EVERY_S
    length = (min(asked.until_ns, now_ns) - asked.since_ns) / _NS - 2 * asked.bucket
    return next((seconds for most, seconds in _EVERY_S if length <= most), _LONG_EVERY_S)
