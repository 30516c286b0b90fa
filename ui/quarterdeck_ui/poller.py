"""The one reader of ClickHouse, runner and collector in this process; screens only read what it publishes."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import httpx

from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck_ui import checks, live_state, queries, runs_view, trace_view
from quarterdeck_ui.chart_reader import ChartReader
from quarterdeck_ui.hub import Detail, Health, Hub, Snapshot
from quarterdeck_ui.queries import Event, RunRow, Span, Store, StoreError
from quarterdeck_ui.queries.traces import SPAN_LIMIT

BEAT_S: Final = 0.3
"""Time between two looks at the live events."""

_OVERLAP_NS: Final = 2_000_000_000
_FORGET_NS: Final = 900_000_000_000
_GAP_NS: Final = 60_000_000_000
_RETRY_S: Final = 2.0
_RUNS_EVERY_S: Final = 1.0
_ALERTS_EVERY_S: Final = 2.0
_LEARN_EVERY_S: Final = 60.0
_OFFERS_AT_ONCE: Final = 20
_MOST_OFFERS: Final = 2000
_UNSUCCESSFUL: Final = frozenset({"failed", "cancelled", "lost"})
_LOG = logging.getLogger("quarterdeck.ui")


class Poller:
    """Keeps a hub's snapshot fresh until its task is cancelled."""

    def __init__(self, hub: Hub, store: Store, runner: RunnerClient, collector_url: str) -> None:
        """Name the sources.

        Args:
            hub: Where snapshots are published.
            store: ClickHouse.
            runner: Runner.
            collector_url: Base URL of the collector, asked for ``/readyz``.
        """
        self._hub, self._store, self._runner = hub, store, runner
        self._collector = collector_url.rstrip("/")
        self._charts = ChartReader(hub, store)
        self._position = 0
        self._read_at = 0
        self._listed: list[RunRow] | None = None
        self._due: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Poll in the background while the block runs."""
        loops = (self._watch_store, self._watch_runner, self._watch_collector)
        tasks = [asyncio.create_task(_forever(loop)) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_store(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._read_store()
            except StoreError as error:
                self._say("clickhouse", ok=False, reason=str(error))
                await asyncio.sleep(_RETRY_S)
                continue
            rest = max(0.02, BEAT_S - (time.monotonic() - began))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hub.wanted.wait(), rest)

    async def _read_store(self) -> None:
        self._hub.wanted.clear()
        read_at = time.time_ns()
        events = await asyncio.to_thread(self._new_events, read_at)
        changes: dict[str, Any] = {}
        if self._is_due("runs", _RUNS_EVERY_S):
            self._listed = await asyncio.to_thread(queries.recent_runs, self._store, read_at, known=self._listed)
            changes["rows"] = tuple(self._listed)
            changes["today"] = await asyncio.to_thread(queries.today, self._store)
        if self._is_due("alerts", _ALERTS_EVERY_S):
            changes["alerts"] = await asyncio.to_thread(queries.alerts_now, self._store)
        if self._is_due("usual", _LEARN_EVERY_S):
            changes["usual"] = await asyncio.to_thread(queries.usual, self._store)
            changes["places"] = await asyncio.to_thread(queries.places, self._store)
        self._say("clickhouse", ok=True)
        self._hub.publish(lambda now: _advanced(now, events, changes, read_at))
        await self._charts.read(read_at)
        await self._read_details("rows" in changes)

    def _new_events(self, now_ns: int) -> list[Event]:
        if now_ns - self._read_at > _GAP_NS:
            events = queries.bootstrap_events(self._store, now_ns - _FORGET_NS)
        else:
            events = queries.events_after(self._store, self._position - _OVERLAP_NS)
        self._read_at = now_ns
        self._position = max([self._position, *(event.position for event in events)])
        return events

    async def _read_details(self, everything: bool) -> None:
        """Read the traces someone looks at: the missing ones at once, unfinished ones with each list of runs."""
        before = {run_id: self._hub.details.get(run_id) for run_id in self._hub.watched()}
        for run_id, known in before.items():
            now = self._hub.snapshot
            settled = known is not None and known.settled and run_id not in now.live
            if known is None or (everything and not settled):
                spans, run = await asyncio.to_thread(self._trace, run_id, now)
                detail = _detail(run_id, spans, run, self._hub.snapshot)
                same = known is not None and known.ended and known.spans == detail.spans
                unchanged = known.unchanged + 1 if known and same else 0
                self._hub.details.put(run_id, replace(detail, unchanged=unchanged))
            elif known.found and not settled:
                self._hub.details.put(run_id, _refreshed(run_id, known, now))
        if any(self._hub.details.get(run_id) != known for run_id, known in before.items()):
            self._hub.ring()

    def _trace(self, run_id: str, now: Snapshot) -> tuple[list[Span], RunRow | None]:
        row = next((row for row in now.rows if row.id == run_id), None)
        row = row or queries.run_by_id(self._store, run_id)
        return (queries.spans_of_run(self._store, run_id, row.start_ns, row.end_ns) if row else []), row

    async def _watch_runner(self) -> None:
        while True:
            try:
                told = await asyncio.to_thread(self._runner.active_runs)
            except RunnerError as error:
                self._say("runner", ok=False, reason=str(error))
                self._hub.publish(lambda now: _rebuilt(replace(now, controlled={})) if now.controlled else now)
                await asyncio.sleep(_RETRY_S)
                continue
            self._say("runner", ok=True)
            self._hub.publish(partial(_steered, told=told))
            await self._read_offers()
            await asyncio.sleep(_RUNS_EVERY_S / 2)

    async def _read_offers(self) -> None:
        """Ask what the runner would do with the runs that did not succeed: each once, since they change no more."""
        now = self._hub.snapshot
        listed = {run.id for run in now.runs if run.status in _UNSUCCESSFUL}
        asked = sorted((listed | self._hub.offers_wanted) - now.offers.keys())[:_OFFERS_AT_ONCE]
        self._hub.offers_wanted.clear()
        if asked:
            found = {run_id: await asyncio.to_thread(self._offer, run_id) for run_id in asked}
            over = {run_id: actions for run_id, actions in found.items() if actions is not None}
            offers = dict(list({**now.offers, **over}.items())[-_MOST_OFFERS:])
            self._hub.publish(lambda now: replace(now, offers=offers))

    def _offer(self, run_id: str) -> tuple[str, ...] | None:
        try:
            run = self._runner.run(run_id)
        except RunnerError as error:
            return () if error.status == HTTPStatus.NOT_FOUND else None
        return None if run["status"] in runs_view.OPEN else tuple(run["actions"])

    async def _watch_collector(self) -> None:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            while True:
                await self._ask_collector(http.get)
                await asyncio.sleep(_RETRY_S)

    async def _ask_collector(self, get: Callable[[str], Awaitable[httpx.Response]]) -> None:
        try:
            response = await get(f"{self._collector}/readyz")
        except httpx.HTTPError as error:
            cause = "timed out" if isinstance(error, httpx.TimeoutException) else "connection refused"
            found = {"collector": Health(ok=False, reason=f"{self._collector} does not answer ({cause})")}
            told = [name for name in self._hub.snapshot.health if name == "spool" or name.startswith("forward ")]
            found |= dict.fromkeys(told, Health(reason="the collector does not answer"))
        else:
            found = checks.collector_health(response, self._collector)
        for name, health in found.items():
            self._say(name, ok=health.ok, reason=health.reason)

    def _say(self, service: str, *, ok: bool | None, reason: str = "") -> None:
        before = self._hub.snapshot.health.get(service, Health())
        if (before.ok, before.reason) == (ok, reason):
            return
        if ok is not None and (before.ok is not None or not ok):
            _LOG.log(logging.INFO if ok else logging.WARNING, "%s %s", service, "answers" if ok else f"away: {reason}")
        health = Health(ok, reason, time.time())
        self._hub.publish(lambda now: replace(now, health={**now.health, service: health}))

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop for good: a defect in it is logged, and the screen goes on."""
    while True:
        try:
            await loop()
        except Exception:  # noqa: BLE001 - nobody awaits this task, an error here would pass unseen
            _LOG.exception("the poller stumbled")
        await asyncio.sleep(_RETRY_S)


def _advanced(now: Snapshot, events: list[Event], changes: dict[str, Any], read_at: int) -> Snapshot:
    live = live_state.without(live_state.fold(now.live, events), read_at - _FORGET_NS)
    return _rebuilt(replace(now, live=live, as_of=read_at / 1e9, loaded=True, **changes))


def _steered(now: Snapshot, told: Mapping[str, Mapping[str, Any]]) -> Snapshot:
    return now if told == now.controlled else _rebuilt(replace(now, controlled=told))


def _rebuilt(now: Snapshot) -> Snapshot:
    built = runs_view.build(
        now.rows, now.live, now.controlled, int(now.as_of * 1e9), usual=now.usual, places=now.places
    )
    runs = tuple(known if (known := now.by_id.get(run.id)) == run else run for run in built)
    return replace(now, version=now.version + 1, runs=runs, by_id={run.id: run for run in runs})


def _detail(run_id: str, spans: list[Span], row: RunRow | None, now: Snapshot) -> Detail:
    live, told = now.live.get(run_id), now.controlled.get(run_id)
    if row is None and live is None and told is None:
        return Detail(found=False)
    run = now.by_id.get(run_id) or runs_view.view(
        row, live, told, runs_view.learnt_from(now.rows, now.usual), int(now.as_of * 1e9)
    )
    truncated = len(spans) >= SPAN_LIMIT
    return Detail(found=True, run=run, spans=tuple(spans), nodes=trace_view.nodes(spans, live), truncated=truncated)


def _refreshed(run_id: str, known: Detail, now: Snapshot) -> Detail:
    return replace(
        known, run=now.by_id.get(run_id, known.run), nodes=trace_view.nodes(known.spans, now.live.get(run_id))
    )
