"""The parts of a running collector and the order in which they start and stop."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeVar

from quarterdeck.serving import sole_owner
from quarterdeck.tokens import Tokens
from quarterdeck_collector import prices
from quarterdeck_collector.alerts.service import Alerts
from quarterdeck_collector.broker import Broker
from quarterdeck_collector.care import retention
from quarterdeck_collector.care.beside import beside
from quarterdeck_collector.care.operations import LocalCare
from quarterdeck_collector.commit import Budget, CommitLog, SegmentLimits
from quarterdeck_collector.counters import Counters
from quarterdeck_collector.deliver import DURABLE_EVERY, FIRST_PAUSE, LONGEST_PAUSE, Delivery
from quarterdeck_collector.durability import sync_parts
from quarterdeck_collector.forward.forwarding import Forwarding
from quarterdeck_collector.gate import BusyError, GatedStore
from quarterdeck_collector.insertion import Insertion
from quarterdeck_collector.joining import finish_joins
from quarterdeck_collector.limits import Limits
from quarterdeck_collector.listen.journal import LogJournal
from quarterdeck_collector.listen.logs import LogTail
from quarterdeck_collector.listen.meter import Meter
from quarterdeck_collector.live import LiveIntake
from quarterdeck_collector.migrate import MigrationError, migrate
from quarterdeck_collector.pieces import recover_pieces
from quarterdeck_collector.quarantine import Quarantine
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.room_guard import RoomGuard, guard_from_the_start
from quarterdeck_collector.saved import SavedObjects
from quarterdeck_collector.segments import Segment, recover
from quarterdeck_collector.settings import Settings
from quarterdeck_collector.store import EmbeddedStore, ServerStore, Store
from quarterdeck_collector.stream import Check, Stream
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

T = TypeVar("T")

KINDS = (TRACES, LOGS, METRICS)
"""Signals that are kept."""

SPOOL_LEAVES = 2
"""How many times the reserve of the embedded engine segments leave free: it takes what waits when they have stopped."""

DRAIN_SECONDS = 3.0
"""How long a stopping collector inserts what is on disk; the rest waits there for the next start."""


class Collector:
    """Everything behind the two HTTP servers.

    Args:
        settings: What to run with.
        url: Base URL of its OTLP port, for command-line tools that look for the owner of the data.
        tokens: Who may come in.
    """

    def __init__(self, settings: Settings, url: str, tokens: Tokens) -> None:
        self.settings = settings
        self.url = url
        self.tokens = tokens
        self.counters = Counters()
        self.redaction = settings.redaction()
        self.budget = Budget(settings.spool_max_bytes)
        self.limits = Limits(
            settings.max_items,
            settings.max_attributes,
            settings.max_events,
            settings.max_links,
            settings.max_age_days,
        )
        self.broker = Broker()
        self.checks = {name: Check() for name in ("clickhouse", "spool", "prices")}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.streams: dict[str, Stream] = {}
        self.inflight_bytes = 0
        self._store: Store | None = None
        self._live: LiveIntake | None = None
        self._forwarding: Forwarding | None = None
        self._meter: Meter | None = None
        self._journal: LogJournal | None = None
        self._gate: GatedStore | None = None
        self._care: LocalCare | None = None
        self._saved: SavedObjects | None = None
        self._alerts: Alerts | None = None
        self.one_operation = asyncio.Lock()

    @property
    def care(self) -> LocalCare:
        """The operations on stored data; only inside :meth:`running`."""
        return _running(self._care)

    @property
    def alerts(self) -> Alerts:
        """Rules, and who is told; only inside :meth:`running`."""
        return _running(self._alerts)

    @property
    def saved(self) -> SavedObjects:
        """What people save; only inside :meth:`running`."""
        return _running(self._saved)

    @property
    def store(self) -> Store:
        """The open store; only inside :meth:`running`."""
        return _running(self._store)

    @property
    def live(self) -> LiveIntake:
        """The direct path of live events; only inside :meth:`running`."""
        return _running(self._live)

    @property
    def forwarding(self) -> Forwarding:
        """What goes on to other endpoints; only inside :meth:`running`."""
        return _running(self._forwarding)

    @property
    def meter(self) -> Meter:
        """The totals for listeners; only inside :meth:`running`."""
        return _running(self._meter)

    @property
    def journal(self) -> LogJournal:
        """The newest log records, for listeners who come back; only inside :meth:`running`."""
        return _running(self._journal)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block ends.

        Raises:
            InUseError: If another collector has the data directory.
            MigrationError: If the embedded store cannot be brought to the current schema.
            StoreError: If the embedded engine cannot be opened.
        """
        what = f"data directory {self.settings.data_dir.absolute()}"
        with sole_owner(self.settings.lock_file, what, self.url, self.tokens.own):
            self._store = await self._open_store()
            try:
                self._saved = SavedObjects(self._store)
                self._alerts = Alerts(self.settings, self._store, self._saved)
                self._live = LiveIntake(self._store, self.broker)
                self._gate = GatedStore(self._store)
                self._meter = Meter(self.broker, self._store, self._stored_spans)
                self._journal = LogJournal(self.settings.recent_logs_dir, self.settings.segments_dir / LOGS.name)
                self._care = beside(self._store, self._gate, self.settings, self._checkpoint, self._journal.clear)
                self.streams = {kind.name: self._stream(kind) for kind in KINDS}
                self._forwarding = Forwarding(self.settings, KINDS, self.counters)
                self._replay()
                self._forwarding.start()
                async with self._background():
                    yield
            finally:
                await offload(self._store.close)

    async def _open_store(self) -> Store:
        settings = self.settings
        if settings.clickhouse_url:
            return ServerStore(settings.clickhouse_url, settings.database, settings.cluster)
        store = await offload(EmbeddedStore, settings.store_dir, settings.database, settings.disk_reserve_bytes)
        try:
            await offload(self._migrate, store)
            await offload(guard_from_the_start, store)
        except BaseException:
            store.close()
            raise
        return store

    def _migrate(self, store: Store) -> None:
        applied = migrate(store, optional=self.settings.optional_migrations)
        if "optional/payload_search" in applied:
            log.info("payload search: the full-text index of what is stored is being built in the background")

    def _stream(self, kind: Kind) -> Stream:
        settings = self.settings
        limits = SegmentLimits(settings.segment_max_bytes, settings.segment_max_age, settings.segment_hard_max_bytes)
        survive = settings.durability != "off"

        def before_removal(segments: Sequence[Segment]) -> None:
            if survive:
                self.store.make_durable()
            commits.forget(segments)

        def hand_over(segment: Segment) -> None:
            # first: delivery may remove it
            self.forwarding.offer(kind, segment)
            if kind is LOGS:
                self.journal.keep(segment)
            delivery.put(segment)

        gate, quarantine = _running(self._gate), Quarantine(settings.segments_dir / kind.name)
        insertion = Insertion(kind, f"otlp_{kind.name}_in", gate, quarantine, gate.abandon)
        delivery = Delivery(
            insertion,
            kind.name,
            self.counters,
            before_removal,
            self._release,
            share=settings.insert_share,
            join_up_to=settings.segment_max_bytes,
            beside_from=settings.segment_hard_max_bytes,
        )
        commits = CommitLog(
            settings.segments_dir / kind.name,
            self.budget,
            limits,
            hand_over,
            busy=lambda: delivery.busy,
            gathering=lambda: delivery.gathering,
            sync=survive,
            leave=SPOOL_LEAVES * self._store.room.reserve if isinstance(self._store, EmbeddedStore) else 0,
            on_committed=LogTail(self.broker).committed if kind is LOGS else None,
        )
        delivery.on_free = commits.seal_if_ripe
        return Stream(kind, commits, delivery, quarantine)

    def _stored_spans(self) -> int:
        return self.counters.get("stored_items", signal=TRACES.name)

    def _release(self, size: int) -> None:
        self.budget.used -= size

    def _replay(self) -> None:
        for stream in self.streams.values():
            folder = self.settings.segments_dir / stream.kind.name
            finish_joins(folder)
            for segment, bodies in recover(folder, stream.kind.count_bytes):
                self.forwarding.offer(stream.kind, segment, again=True)
                if stream.kind is LOGS:
                    self.journal.keep(segment)
                self._put_again(stream, segment, bodies)
            for piece, bodies in recover_pieces(stream.kind, folder):  # of segments that were offered and kept
                self._put_again(stream, piece, bodies)
        self._look_at_quarantine()

    def _put_again(self, stream: Stream, segment: Segment, bodies: Iterable[memoryview]) -> None:
        segment.keys = b"".join(map(stream.commits.remember, bodies))
        self.budget.used += segment.size
        self.counters.add("replayed_items", segment.items, signal=stream.kind.name)
        stream.delivery.put(segment)

    def _look_at_quarantine(self) -> None:
        for stream in self.streams.values():
            stream.set_aside = stream.quarantine.look()
        self.budget.aside = sum(stream.set_aside.size for stream in self.streams.values())

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        ready = asyncio.create_task(self._get_ready())
        checkpoints = asyncio.create_task(self._checkpoints())
        totals = asyncio.create_task(self.meter.run())
        alerts = asyncio.create_task(self._watch_alerts(ready))
        interrupted = asyncio.create_task(self._finish_interrupted(ready))
        guard = asyncio.create_task(self._guard_room())
        deliveries = [asyncio.create_task(self._deliver(ready, stream)) for stream in self.streams.values()]
        self.checks["spool"] = Check(ok=True, reason="")
        try:
            yield
        finally:
            self.broker.close()
            checkpoints.cancel()
            totals.cancel()
            alerts.cancel()
            guard.cancel()
            interrupted.cancel()
            await self.live.close()
            for stream in self.streams.values():
                await stream.commits.close()
                stream.delivery.close()
            if not ready.done():
                ready.cancel()
            await asyncio.gather(self._drain(deliveries), self.forwarding.close(DRAIN_SECONDS))
            await asyncio.gather(
                ready, checkpoints, totals, alerts, guard, interrupted, *deliveries, return_exceptions=True
            )

    async def _drain(self, deliveries: list[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(deliveries, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await self._checkpoint()
        if left := sum(len(stream.delivery.waiting) for stream in self.streams.values()):
            log.warning("%d segments stay on disk and will be inserted at the next start", left)

    async def _deliver(self, ready: "asyncio.Task[None]", stream: Stream) -> None:
        await asyncio.shield(ready)
        await stream.delivery.run()

    async def _guard_room(self) -> None:
        if isinstance(self._store, EmbeddedStore):
            await RoomGuard(self._store).run()

    async def _watch_alerts(self, ready: "asyncio.Task[None]") -> None:
        await asyncio.shield(ready)
        await self.alerts.run()

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(DURABLE_EVERY)
            self.journal.trim()
            self._look_at_quarantine()
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        for stream in self.streams.values():
            try:
                await stream.delivery.checkpoint()
            except (StoreError, OSError) as error:
                log.warning("segments of %s stay on disk for now: %s", stream.kind.name, error)

    async def _finish_interrupted(self, ready: "asyncio.Task[None]") -> None:
        await asyncio.shield(ready)
        try:
            if await offload(self.care.unfinished):
                async with self.one_operation:
                    await offload(self.care.finish)
        except (StoreError, BusyError) as error:
            log.warning("derived tables that an interrupted operation left cannot be rebuilt now: %s", error)

    async def _get_ready(self) -> None:
        """Reach ClickHouse, migrate, load prices: inserts wait for this, acknowledgements do not."""
        try:
            await self._reach_clickhouse()
        except MigrationError as error:
            self.checks["clickhouse"] = Check(reason=str(error))
            if not self.failed.done():
                self.failed.set_exception(error)
            raise
        try:
            source = await offload(prices.load, self.store, self.settings.prices)
            self.checks["prices"] = Check(ok=True, reason=source)
        except Exception as error:  # noqa: BLE001 - spans without a cost are better than none
            log.warning("prices could not be loaded, costs will be unknown: %s", error)
            self.checks["prices"] = Check(reason=str(error))
        await self._apply_retention()

    async def _apply_retention(self) -> None:
        try:
            for change in await offload(retention.apply, self.store, self.settings.retention):
                log.info("retention: %s", change)
        except StoreError as error:
            log.warning("retention could not be changed: %s", error)

    async def _reach_clickhouse(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await offload(self._migrate, self.store)
                await offload(sync_parts, self.store, wanted=self.settings.durability == "full")
            except StoreError as error:
                if pause == FIRST_PAUSE:
                    log.warning("ClickHouse cannot be reached, will try again: %s", error)
                self.checks["clickhouse"] = Check(reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.checks["clickhouse"] = Check(ok=True, reason="")
                return

    def readiness(self) -> dict[str, Check]:
        """Give the state of each part."""
        checks = dict(self.checks)
        if checks["clickhouse"].ok and any(stream.delivery.failing for stream in self.streams.values()):
            checks["clickhouse"] = Check(reason="inserts fail; segments wait on disk")
        if self._store is not None and self._store.problem:
            checks["clickhouse"] = Check(reason=self._store.problem)
        for problem in filter(None, (stream.commits.problem for stream in self.streams.values())):
            checks["spool"] = Check(reason=problem)
        if problem := self.budget.problem():
            checks["spool"] = Check(reason=problem)
        for stream in self.streams.values():
            if problem := stream.quarantine.problem(stream.set_aside):
                checks[f"rejected {stream.kind.name}"] = Check(reason=problem, required=False)
        if problem := self.alerts.condition.problem:
            checks["alerts"] = Check(reason=problem, required=False)
        for target, problem in self.forwarding.problems().items():
            checks[f"forward {target}"] = Check(ok=not problem, reason=problem, required=False)
        return checks


def _running(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the collector is not running")
    return part
