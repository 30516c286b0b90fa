"""One signal of one target: the oldest waiting segment first, until the target has taken or refused all of it."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from quarterdeck_collector.counters import Counters
from quarterdeck_collector.forward.rewrite import trimmed, without_live_events
from quarterdeck_collector.forward.spool import Entry, Spool
from quarterdeck_collector.forward.targets import Target
from quarterdeck_collector.forward.transport import Answer, Transport, Verdict
from quarterdeck_collector.receive.halves import halves
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.segments import unframe

log = logging.getLogger("quarterdeck.collector")

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
"""Seconds between tries while a target is away: doubled from the first to the longest."""

TOGETHER_BYTES: Final = 1_000_000
"""Requests are sent together up to this size: OTLP requests one after the other are one request."""

P = ParamSpec("P")
R = TypeVar("R")


class StoppedError(Exception):
    """The collector stops while the target takes nothing: the rest waits for the next start."""


@dataclass(frozen=True)
class Parcel:
    """Requests as their target gets them.

    Args:
        requests: How many they are.
        body: All of them as one request.
        items: Spans, records or data points in them.
        withheld: How many of these the target does not get.
    """

    requests: int
    body: bytes
    items: int
    withheld: int


@dataclass(frozen=True)
class Tools:
    """What all workers share.

    Args:
        counters: Counts what becomes of each span, record or data point.
        executor: Runs what would hold up the event loop.
        ui_url: Dashboard that trimmed values link to.
    """

    counters: Counters
    executor: Executor
    ui_url: str


class Worker:
    """Forwards one signal to one target.

    Args:
        target: Where to.
        kind: Signal.
        spool: What waits.
        transport: How to send.
        tools: What all workers share.
    """

    def __init__(self, target: Target, kind: Kind, spool: Spool, transport: Transport, tools: Tools) -> None:
        self._target = target
        self._kind = kind
        self._spool = spool
        self._transport = transport
        self._tools = tools
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self._said: list[list[str]] = []
        self.failing = ""
        """Why the target takes nothing; empty if it does."""

    def wake(self) -> None:
        """Say that something waits."""
        self._work.set()

    def close(self) -> None:
        """Let :meth:`run` end when nothing waits or the target takes nothing."""
        self._closing.set()
        self._work.set()

    async def run(self) -> None:
        """Forward until :meth:`close`."""
        while True:
            if (entry := self._spool.first(self._kind.name)) is None:
                if self._closing.is_set():
                    return
                self._work.clear()
                await self._work.wait()
                continue
            try:
                await self._forward(entry)
            except StoppedError:
                return
            except Exception:  # one segment must not hold up all that follow
                log.exception("%s cannot be forwarded to %s", entry.path, self._target.name)
                self._spool.drop(entry, "error")

    async def _forward(self, entry: Entry) -> None:
        try:
            requests = await self._aside(self._read, entry)
        except OSError as error:
            log.error("%s cannot be read for forwarding: %s", entry.path, error.strerror)  # noqa: TRY400 - one line
            self._spool.drop(entry, "disk")
            return
        for group in _groups(requests, min(TOGETHER_BYTES, self._target.max_request_bytes)):
            await self._deliver(entry, group)
        self._spool.finish(entry)

    async def _aside(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._tools.executor, lambda: function(*args, **kwargs))

    def _read(self, entry: Entry) -> list[memoryview]:
        requests, _ = unframe(entry.path.read_bytes())
        return requests[entry.done :]

    async def _deliver(self, entry: Entry, group: list[memoryview]) -> None:
        """Send some requests as one, or one by one if the target finds fault with the whole."""
        parcel = await self._aside(self._pack, group)
        if len(group) > 1:
            answer = await self._send(parcel.body)
            if answer.verdict in (Verdict.BAD_REQUEST, Verdict.TOO_LARGE):
                for request in group:
                    await self._deliver(entry, [request])
                return
            self._settle(answer, parcel.items - parcel.withheld)
        else:
            await self._send_or_divide(parcel.body, parcel.items - parcel.withheld)
        self._count("forward_withheld_items", parcel.withheld)
        self._spool.advance(entry, parcel.requests, parcel.items)

    def _pack(self, group: list[memoryview]) -> Parcel:
        whole = b"".join(group)
        items = self._kind.count_bytes(whole)
        body = without_live_events(self._kind, whole)
        withheld = 0 if body is whole else items - self._kind.count_bytes(body)
        body = trimmed(self._kind, body, self._target.max_value_bytes, self._tools.ui_url)
        return Parcel(len(group), body, items, withheld)

    async def _send_or_divide(self, body: bytes, items: int) -> None:
        parts = None
        if len(body) > self._target.max_request_bytes:
            parts = await self._aside(halves, self._kind, body)
        if parts is None:
            answer = await self._send(body)
            if answer.verdict is Verdict.TOO_LARGE:
                parts = await self._aside(halves, self._kind, body)
            if parts is None:
                self._settle(answer, items)
                return
        for part in parts:
            await self._send_or_divide(part, await self._aside(self._kind.count_bytes, part))

    async def _send(self, body: bytes) -> Answer:
        """Send until the target decides."""
        if not body:
            return Answer(Verdict.TAKEN)
        payload = await self._aside(self._transport.encode, body)
        pause = FIRST_PAUSE
        while (answer := await self._try(payload)).verdict is Verdict.LATER:
            self._note_failure(answer.reason)
            await self._rest(max(answer.pause or 0.0, pause * random.uniform(0.8, 1.2)))  # noqa: S311 - spreads load
            pause = min(2 * pause, LONGEST_PAUSE)
        if answer.verdict is Verdict.REFUSED:
            self.failing = answer.reason
        elif self.failing:
            self.failing = ""
            log.info("%s takes %s again", self._target.name, self._kind.name)
        return answer

    async def _try(self, payload: bytes) -> Answer:
        try:
            return await self._transport.send(self._kind, payload)
        except Exception as error:  # noqa: BLE001 - such as a name that cannot be looked up; nothing was taken
            return Answer(Verdict.LATER, f"{type(error).__name__}: {error}")

    def _note_failure(self, reason: str) -> None:
        if not self.failing:
            log.warning("%s does not take %s, will try again: %s", self._target.name, self._kind.name, reason)
        self.failing = reason

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        if self._closing.is_set():
            raise StoppedError

    def _settle(self, answer: Answer, items: int) -> None:
        """Count what the target has decided on."""
        taken = answer.verdict is Verdict.TAKEN
        rejected = min(answer.rejected, items) if taken else items
        self._count("forwarded_items", items - rejected)
        self._count("forward_dropped_items", rejected, reason="rejected" if taken else "refused")
        if rejected and (cause := answer.reason.split()[:2]) not in self._said:
            self._said.append(cause)
            what = f"{self._target.name} refuses {self._kind.name} for good"
            log.error("%s; they are dropped, and counted: %s", what, answer.reason)

    def _count(self, name: str, amount: int, **labels: str) -> None:
        if amount:
            self._tools.counters.add(name, amount, target=self._target.name, signal=self._kind.name, **labels)


def _groups(requests: list[memoryview], limit: int) -> Iterator[list[memoryview]]:
    group: list[memoryview] = []
    size = 0
    for request in requests:
        if group and size + len(request) > limit:
            yield group
            group, size = [], 0
        group.append(request)
        size += len(request)
    if group:
        yield group
