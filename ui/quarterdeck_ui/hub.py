"""What all viewers of this process share: the newest snapshot, traces and payloads that someone looks at."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from quarterdeck_ui.live_state import LiveState
from quarterdeck_ui.queries import AlertsNow, Performance, Place, RunRow, Span, Today, Usual
from quarterdeck_ui.runs_view import RunView, plain
from quarterdeck_ui.scope import Scope
from quarterdeck_ui.trace_view import Node

WATCH_S: Final = 5.0
"""How long a run counts as looked at after a viewer asked for it."""

_ENOUGH_READINGS: Final = 3

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a service works, and why not; ``since`` in seconds since the epoch. What cannot be known is None."""

    ok: bool | None = None
    reason: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Detail:
    """The trace of one run; ``found`` is None until someone has looked."""

    found: bool | None = None
    run: RunView | None = None
    spans: tuple[Span, ...] = ()
    nodes: tuple[Node, ...] = ()
    truncated: bool = False
    unchanged: int = 0
    """How many readings in a row, since the run ended, found the same spans."""

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return bool(self.found and self.run is not None and not self.run.open)

    @property
    def settled(self) -> bool:
        """Whether the trace changes no more.

        ClickHouse fills the tables of one insert one after the other: of a trace that is read in that moment the calls
        may lack their tokens, on a busy machine for seconds.
        """
        return self.ended and self.unchanged >= _ENOUGH_READINGS


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a screen shows besides the selected run; replaced as a whole, never changed."""

    version: int = 0
    as_of: float = 0.0
    """When ClickHouse was last read, seconds since the epoch."""
    loaded: bool = False
    rows: tuple[RunRow, ...] = ()
    live: LiveState = field(default_factory=dict)
    controlled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the runner would do with runs that are over, by id."""
    usual: Mapping[str, Usual] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    runs: tuple[RunView, ...] = ()
    by_id: Mapping[str, RunView] = field(default_factory=dict)
    today: Mapping[Place, Today] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    alerts: AlertsNow = field(default_factory=AlertsNow)


class Cache(Generic[_K, _V]):
    """A small least-recently-used map; safe between threads."""

    def __init__(self, size: int) -> None:
        """Hold at most ``size`` entries."""
        self._size, self._lock = size, threading.Lock()
        self._entries: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """The entry, which now counts as the newest."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: _K, value: _V) -> None:
        """Remember an entry and forget the oldest one too many."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)


class Hub:
    """The newest snapshot, and a bell for those who wait for the next; used on the event loop only."""

    def __init__(self) -> None:
        """Start empty: nothing is known until the poller has looked."""
        self.snapshot = Snapshot()
        self.details: Cache[str, Detail] = Cache(48)
        self.wanted = asyncio.Event()
        """Set when someone looks at a run that is not here yet."""
        self.offers_wanted: set[str] = set()
        """Finished runs of which someone wants to know what the runner would do with them."""
        self._bell = asyncio.Event()
        self._watched: dict[str, float] = {}
        self._charts: Cache[Scope, Performance] = Cache(64)
        self._charted: dict[Scope, float] = {}
        self._plain: Cache[str, tuple[RunView, dict[str, Any]]] = Cache(2000)

    def plain(self, run: RunView) -> dict[str, Any]:
        """A run for browsers, made once for all of them."""
        known = self._plain.get(run.id)
        if known is None or known[0] is not run:
            known = run, plain(run)
            self._plain.put(run.id, known)
        return known[1]

    def publish(self, change: Callable[[Snapshot], Snapshot]) -> None:
        """Swap the snapshot; ring the bell when it differs."""
        after = change(self.snapshot)
        if after is not self.snapshot:
            self.snapshot = after
            self.ring()

    def ring(self) -> None:
        """Wake everyone who waits."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def news(self) -> None:
        """Wait for the next publication."""
        await self._bell.wait()

    def watch(self, run_id: str) -> Detail | None:
        """Say that someone looks at a run, and give what is known of it."""
        detail = self.details.get(run_id)
        self._watched[run_id] = time.monotonic()
        if detail is None:
            self.wanted.set()
        return detail

    def watched(self) -> list[str]:
        """Runs that someone looked at within :data:`WATCH_S`."""
        now = time.monotonic()
        self._watched = {run: at for run, at in self._watched.items() if now - at < WATCH_S}
        return list(self._watched)

    def performance(self, scope: Scope) -> Performance | None:
        """Say that someone looks at the charts of a scope, and give them if they were read."""
        found = self._charts.get(scope)
        self._charted[scope] = time.monotonic()
        if found is None:
            self.wanted.set()
        return found

    def chart(self, scope: Scope, found: Performance) -> None:
        """Keep the charts of a scope; ring the bell when they differ."""
        if self._charts.get(scope) != found:
            self._charts.put(scope, found)
            self.ring()

    def charted(self) -> list[Scope]:
        """Scopes whose charts someone looked at within :data:`WATCH_S`, and the plain one, which is wanted first."""
        now = time.monotonic()
        self._charted = {scope: at for scope, at in self._charted.items() if now - at < WATCH_S}
        return list({Scope(): now, **self._charted})
