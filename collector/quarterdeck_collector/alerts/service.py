"""The alerts of a running collector: a look every few seconds while it is its turn, and the deliveries beside it."""

import asyncio
import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from quarterdeck.egress import Outlets
from quarterdeck_collector.alerts.channels import Channel, ChannelError, Secrets, channel_of, checked, opened
from quarterdeck_collector.alerts.engine import ALL, MUTE, RULE, Engine
from quarterdeck_collector.alerts.lease import Alone, Lease, holder_id
from quarterdeck_collector.alerts.ledger import Ledger
from quarterdeck_collector.alerts.outbox import Outbox
from quarterdeck_collector.alerts.reading import Reader
from quarterdeck_collector.alerts.rules import RuleError, rule_of
from quarterdeck_collector.alerts.seal import SECRET_VARIABLE, Seal, SealError, seal
from quarterdeck_collector.alerts.sending import Sender
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.saved import SavedError, SavedObjects
from quarterdeck_collector.settings import Settings
from quarterdeck_collector.store import Store
from quarterdeck_collector.threads import offload

log = logging.getLogger("quarterdeck.collector")

T = TypeVar("T")

CHANNEL = "alert_channel"
"""Kind of saved objects."""

PATIENCE = 5.0
"""Seconds that a stopping collector waits for the look under way."""

REMEDY = "with --alert-urls / QUARTERDECK_ALERT_URLS"


class Turn(Protocol):
    """Whether it is this collector's turn to evaluate."""

    def held(self) -> bool:
        """Whether it is."""

    def give_up(self) -> None:
        """Let others have theirs."""


@dataclass
class Condition:
    """How the alerts themselves are.

    Args:
        evaluating: Whether this collector looks at the rules.
        problem: Why it cannot.
        looked: When it last did, seconds since the epoch.
    """

    evaluating: bool = False
    problem: str = ""
    looked: float = 0.0


class Alerts:
    """Rules, channels and deliveries of one collector.

    Args:
        settings: Of the collector.
        store: Where everything is.
        saved: Rules, channels and mutes.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, settings: Settings, store: Store, saved: SavedObjects, clock: Callable[[], float] = time.time
    ) -> None:
        self._saved = saved
        self._every = settings.alerts_every
        self._clock = clock
        self.ui_url = settings.ui_url
        self._data_dir = settings.data_dir
        self._secret = os.environ.pop(SECRET_VARIABLE, "")  # no program started from here inherits it
        self.reader = Reader(store)
        self.sender = Sender(Outlets(settings.alert_urls, REMEDY))
        ledger = Ledger(store)
        self._ledger = ledger
        self._engine = Engine(saved, ledger, self.reader, settings.ui_url, clock=clock, every=self._every)
        self._outbox = Outbox(ledger, self.channel, self.sender.send, clock=clock)
        self._turn: Turn = Lease(store, holder_id(settings.data_dir)) if settings.clickhouse_url else Alone()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.condition = Condition()
        saved.watch(self._changed)
        saved.guard({RULE: _check_rule, CHANNEL: _check_channel, MUTE: _check_mute})

    def _changed(self, kind: str) -> None:
        if kind in (RULE, MUTE):
            self._loop.call_soon_threadsafe(self._wake.set)

    @functools.cached_property
    def seal(self) -> Seal:
        """Keeps what must not be read of channels; made when it is first needed.

        Raises:
            SealError: It cannot be; the message says why.
        """
        return seal(self._data_dir, self._secret)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    @property
    def waiting(self) -> int:
        """How many messages wait for their channels."""
        return self._outbox.waiting

    def channel(self, channel_id: str) -> Channel | None:
        """Give a channel; blocks.

        Raises:
            ChannelError: If it cannot be used.
            SealError: If it was sealed elsewhere.
            StoreError: If ClickHouse does not answer.
        """
        try:
            found = self._saved.all(CHANNEL, channel_id)
        except SavedError:
            return None
        return opened(found[0].body, channel_id, self.seal) if found else None

    def entered(self, channel_id: str, given: dict[str, Any]) -> Channel:
        """Read a channel that somebody enters; what is secret and left empty stays as it is. Blocks.

        Raises:
            ChannelError: If it cannot be used.
            StoreError: If ClickHouse does not answer.
        """
        known: Secrets | None = None
        if channel_id and not all(given.get(name) for name in Secrets.model_fields):
            with contextlib.suppress(ChannelError, SealError):
                before = self.channel(channel_id)
                known = before.secrets if before and before.kind == given.get("kind") else None
        return channel_of(given, channel_id, known)

    async def run(self) -> None:
        """Look at the rules until cancelled."""
        try:
            while True:
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._every)
                self._wake.clear()
        finally:
            await self._outbox.close()
            if self.condition.evaluating:
                await self._hand_over()

    async def _hand_over(self) -> None:
        try:
            async with asyncio.timeout(1):
                await offload(self._turn.give_up)
        except (StoreError, TimeoutError):
            log.debug("the turn to evaluate alerts ends by itself")

    async def _look(self) -> None:
        try:
            held = await offload(self._turn.held)
            if held and not self.condition.evaluating:
                self._engine.forget()
                self._outbox.add(await offload(self._ledger.due, self._clock()))
            elif not held and self.condition.evaluating:
                await self._outbox.close()
            self.condition.evaluating = held
            if held:
                self._outbox.add(await self._whole(self._engine.look))
                self.condition.looked = self._clock()
        except StoreError as error:
            self._say(str(error))
            self._engine.forget()
        except Exception as error:  # a defect must not end what watches over everything else
            log.exception("the alert rules could not be looked at")
            self._say(f"{type(error).__name__}: {error}")
        else:
            self._say("")

    async def _whole(self, work: Callable[[], T]) -> T:
        """Do blocking work to its end, also when cancelled: the store must not be closed under it."""
        task = asyncio.ensure_future(offload(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=PATIENCE)
            raise

    def _say(self, problem: str) -> None:
        if problem and not self.condition.problem:
            log.warning("alert rules are not watched now: %s", problem)
        self.condition.problem = problem


def _check_rule(rule_id: str, body: dict[str, Any]) -> None:
    try:
        rule_of(body, rule_id)
    except RuleError as error:
        raise SavedError(str(error)) from error


def _check_channel(channel_id: str, body: dict[str, Any]) -> None:
    try:
        checked(body)
    except ChannelError as error:
        raise SavedError(
            f"send it to /v1/alerts/channels/{channel_id}, which seals what must not be read here ({error})"
        ) from error


def _check_mute(rule_id: str, body: dict[str, Any]) -> None:
    until = body.get("until")
    if isinstance(until, bool) or not isinstance(until, int | float):
        raise SavedError(
            f"until: seconds since the epoch until which {rule_id if rule_id != ALL else 'nobody'} is muted"
        )
