"""``metrics:updated``: totals of all runs, once a second while somebody listens and there is something to say."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from quarterdeck import semconv
from quarterdeck_collector.broker import Broker
from quarterdeck_collector.listen.messages import Message, Row, iso
from quarterdeck_collector.listen.names import METRICS_UPDATED
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import Store
from quarterdeck_collector.threads import offload

EVERY: Final = 1.0
"""Seconds between two looks."""

SILENCE: Final = 15.0
"""Seconds without a sign of life after which a run no longer counts as running."""

_ENDS: Final = frozenset({semconv.EVENT_PIPELINE_COMPLETED, semconv.EVENT_PIPELINE_ERROR})

log = logging.getLogger("quarterdeck.collector")


class Meter:
    """Counts the running runs and sums up the day (UTC).

    Args:
        broker: Knows the listeners.
        store: Asked for the sums, of one small table, when spans have been stored since.
        stored: Number of spans stored so far.
    """

    def __init__(self, broker: Broker, store: Store, stored: Callable[[], int]) -> None:
        self._broker = broker
        self._store = store
        self._stored = stored
        self._seen: dict[str, float] = {}
        self._asked_at: tuple[int, int] | None = None
        self._sums: Row = {}
        self._told: Row = {}

    def observe(self, events: Iterable[Row]) -> None:
        """Learn from live events which runs are running."""
        now = time.monotonic()
        for event in events:
            if event["EventName"] in _ENDS:
                self._seen.pop(event["RunId"], None)
            elif event["RunId"]:
                self._seen[event["RunId"]] = now

    async def run(self) -> None:
        """Tell for good."""
        while True:
            await asyncio.sleep(EVERY)
            if self._broker.wants(METRICS_UPDATED):
                try:
                    await self._tell()
                except StoreError as error:
                    log.debug("no totals for listeners: %s", error)
            else:
                self._told = {}  # the next listener hears at once where things are
            oldest = time.monotonic() - SILENCE
            self._seen = {run: at for run, at in self._seen.items() if at > oldest}

    async def _tell(self) -> None:
        now = time.time_ns()
        state = (self._stored(), now // 86_400_000_000_000)
        if state != self._asked_at:
            self._sums = await offload(self._ask)
            self._asked_at = state
        row = {"total_pipelines_running": len(self._seen), **self._sums}
        if self._seen or row != self._told:
            self._told = row
            self._broker.publish([Message(METRICS_UPDATED, {"timestamp": iso(now), **row})])

    def _ask(self) -> Row:
        (row,) = self._store.json_rows(
            "SELECT sum(m.InputTokens) + sum(m.OutputTokens) AS total_tokens_used, sum(m.Cost) AS total_cost, "  # noqa: S608 - a name that the settings check
            "if(sum(m.Calls) = 0, 0, sum(m.Duration) / 1e6 / sum(m.Calls)) AS avg_response_time_ms, "
            "if(sum(m.Calls) = 0, 0, sum(m.Errors) / sum(m.Calls)) AS error_rate "
            f"FROM {self._store.database}.llm_1m AS m WHERE m.Time >= toStartOfDay(now('UTC')) "
            "SETTINGS output_format_json_quote_64bit_integers = 0"
        )
        return row
