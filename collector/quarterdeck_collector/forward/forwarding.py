"""All targets: each sealed segment is linked for every one of them, and each goes at its own pace."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from quarterdeck_collector.counters import Counters, Gauges
from quarterdeck_collector.forward.spool import Spool
from quarterdeck_collector.forward.targets import Target
from quarterdeck_collector.forward.transport import Transport
from quarterdeck_collector.forward.worker import Tools, Worker
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.segments import Segment
from quarterdeck_collector.settings import Settings

log = logging.getLogger("quarterdeck.collector")

THREADS: Final = 2
"""For what would hold up the event loop, all targets together: forwarding takes what ingest leaves."""


@dataclass
class _Route:
    target: Target
    spool: Spool
    transport: Transport
    workers: dict[str, Worker]


class Forwarding:
    """Everything that is forwarded.

    Args:
        settings: Where to, and how much may wait.
        kinds: Signals that this collector keeps.
        counters: Counts what becomes of each span, record or data point.
    """

    def __init__(self, settings: Settings, kinds: Iterable[Kind], counters: Counters) -> None:
        self._counters = counters
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="forward")
        self._tasks: list[asyncio.Task[None]] = []
        folder, tools = settings.forward_dir, Tools(counters, self._executor, settings.ui_url)
        self._routes = [self._route(target, settings, folder, tools, kinds) for target in settings.targets()]
        self._name_strangers(folder)

    def _route(self, target: Target, settings: Settings, folder: Path, tools: Tools, kinds: Iterable[Kind]) -> _Route:
        wanted = {kind.name: kind for kind in kinds if kind.name in target.signals}
        dropped = partial(self._dropped, target.name)
        spool = Spool(folder / target.folder, settings.segments_dir, wanted, settings.forward_max_bytes, dropped)
        transport = open_transport(target)
        for signal in wanted:
            self._queued(target.name, signal, spool.waiting(signal))
        workers = {name: Worker(target, kind, spool, transport, tools) for name, kind in wanted.items()}
        return _Route(target, spool, transport, workers)

    def _name_strangers(self, folder: Path) -> None:
        """Say what waits for targets that are no longer set: nobody else will."""
        ours = {route.target.folder for route in self._routes}
        for path in sorted(folder.glob("*")):
            if path.name not in ours and next(path.rglob("*.otlp"), None):
                log.warning(
                    "%s waits for a target that is not in --forward any more; remove the folder or set it", path
                )

    def _queued(self, target: str, signal: str, items: int) -> None:
        if items:
            self._counters.add("forward_queued_items", items, target=target, signal=signal)

    def _dropped(self, target: str, signal: str, items: int, reason: str) -> None:
        if not self._counters.get("forward_dropped_items", target=target, signal=signal, reason=reason):
            log.error("%s of %s are dropped from now on, they cannot wait any longer: %s", signal, target, reason)
        self._counters.add("forward_dropped_items", items, target=target, signal=signal, reason=reason)

    def offer(self, kind: Kind, segment: Segment, *, again: bool = False) -> None:
        """Link a sealed segment for all targets that want it.

        Args:
            kind: Its signal.
            segment: The segment.
            again: Whether it was found on disk at the start, and may have been offered before.
        """
        for route in self._routes:
            if (worker := route.workers.get(kind.name)) is None:
                continue
            if again and route.spool.knows(kind.name, segment):
                continue
            self._queued(route.target.name, kind.name, segment.items)
            route.spool.offer(kind.name, segment)
            worker.wake()

    def start(self) -> None:
        """Begin to send."""
        workers = (worker for route in self._routes for worker in route.workers.values())
        self._tasks = [asyncio.create_task(worker.run()) for worker in workers]

    async def close(self, patience: float) -> None:
        """Send what waits if that is quick; the rest is sent after the next start.

        Args:
            patience: Seconds.
        """
        for route in self._routes:
            for worker in route.workers.values():
                worker.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("forwarding had stopped: %r", outcome)
        for route in self._routes:
            await route.transport.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def problems(self) -> dict[str, str]:
        """Give for each target why it takes nothing; empty if it does."""
        return {
            route.target.name: "; ".join(
                f"{signal}: {worker.failing}" for signal, worker in route.workers.items() if worker.failing
            )
            for route in self._routes
        }

    def gauges(self) -> Gauges:
        """Give what waits now, for ``/metrics``."""
        return {
            "forward_waiting_items": (
                "Spans, records or data points that wait for a target.",
                {labels: float(route.spool.waiting(worker_signal)) for labels, route, worker_signal in self._each()},
            ),
            "forward_waiting_bytes": (
                "Bytes of segments that wait for a target.",
                {(("target", route.target.name),): float(route.spool.bytes) for route in self._routes},
            ),
            "forward_failing": (
                "1 while a target does not take a signal.",
                {labels: float(bool(route.workers[signal].failing)) for labels, route, signal in self._each()},
            ),
        }

    def _each(self) -> Iterator[tuple[tuple[tuple[str, str], ...], _Route, str]]:
        for route in self._routes:
            for signal in route.workers:
                yield (("signal", signal), ("target", route.target.name)), route, signal


def open_transport(target: Target) -> Transport:
    """Make the transport of a target; nothing is connected yet."""
    if target.is_grpc:
        from quarterdeck_collector.forward.over_grpc import GrpcTransport

        return GrpcTransport(target)
    from quarterdeck_collector.forward.over_http import HttpTransport

    return HttpTransport(target)
