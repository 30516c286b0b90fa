"""Delivers what is to be told: every channel by itself and in order, again and again until it is taken or given up.

What waits is in ClickHouse: a collector that is killed goes on where it was. A message may arrive twice, with one id.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from quarterdeck_collector.alerts.channels import Channel, ChannelError
from quarterdeck_collector.alerts.ledger import GIVE_UP, Due, Ledger
from quarterdeck_collector.alerts.messages import Message
from quarterdeck_collector.alerts.seal import SealError
from quarterdeck_collector.alerts.sending import Outcome
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

Send = Callable[[Channel, Message], Awaitable[Outcome]]
Find = Callable[[str], Channel | None]
"""Gives the channel of an id; blocks."""


@dataclass(frozen=True)
class Pauses:
    """Seconds between tries, doubled from the first to the longest."""

    first: float = 1.0
    longest: float = 300.0

    def after(self, attempts: int) -> float:
        """Give the pause after so many tries; spread, so that many collectors do not come at once."""
        return float(min(self.first * 2 ** min(attempts - 1, 30), self.longest) * random.uniform(0.8, 1.2))  # noqa: S311


DEFAULT_PAUSES: Final = Pauses()


class Outbox:
    """Everything that is still to be told.

    Args:
        ledger: Where it is written down.
        find: Knows the channels.
        send: Tries once.
        pauses: How long is waited between tries.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        find: Find,
        send: Send,
        pauses: Pauses = DEFAULT_PAUSES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._find = find
        self._send = send
        self._pauses = pauses
        self._clock = clock
        self._queues: dict[str, deque[Due]] = {}
        self._known: set[tuple[str, str]] = set()
        self._workers: dict[str, asyncio.Task[None]] = {}

    def add(self, dues: Iterable[Due]) -> None:
        """Deliver these too; those that are known already are left out."""
        for due in dues:
            if (due.event_id, due.channel) in self._known:
                continue
            self._known.add((due.event_id, due.channel))
            self._queues.setdefault(due.channel, deque()).append(due)
            if due.channel not in self._workers:
                self._workers[due.channel] = asyncio.create_task(self._work(due.channel))

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return sum(map(len, self._queues.values()))

    async def close(self) -> None:
        """Stop; what waits is told by whoever looks next."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._workers.clear()
        self._queues.clear()
        self._known.clear()

    async def _work(self, channel: str) -> None:
        queue = self._queues[channel]
        while queue:
            try:
                await self._deliver(queue[0])
            except Exception:  # one message must not hold up all that follow
                log.exception("an alert could not be delivered")
            self._known.discard((queue[0].event_id, channel))
            queue.popleft()
        del self._workers[channel]

    async def _deliver(self, due: Due) -> None:
        while True:
            outcome = await self._try(due)
            due = replace(due, attempts=due.attempts + 1)
            if not outcome.reason:
                await self._note(due, "delivered", "")
                return
            late = self._clock() - due.at > GIVE_UP
            if not outcome.again or late:
                log.error("alert %s is not delivered to channel %s: %s", due.event_id, due.channel, outcome.reason)
                await self._note(due, "failed", f"given up after a day: {outcome.reason}" if late else outcome.reason)
                return
            await self._note(due, "waiting", outcome.reason)
            await asyncio.sleep(max(outcome.pause, self._pauses.after(due.attempts)))

    async def _try(self, due: Due) -> Outcome:
        try:
            channel = await offload(self._find, due.channel)
        except StoreError as error:
            return Outcome(str(error), again=True)
        except (ChannelError, SealError) as error:
            return Outcome(f"the channel cannot be used: {error}")
        if channel is None:
            return Outcome("there is no such channel any more")
        return await self._send(channel, due.message)

    async def _note(self, due: Due, status: str, reason: str) -> None:
        """Write down what became of it; until that has worked nothing else goes to this channel."""
        attempts = 0
        while True:
            try:
                await offload(self._ledger.note, due, status, reason, self._clock())
            except StoreError as error:
                attempts += 1
                if attempts == 1:
                    log.warning("what became of alert %s cannot be written down now: %s", due.event_id, error)
                await asyncio.sleep(self._pauses.after(attempts))
            else:
                return
