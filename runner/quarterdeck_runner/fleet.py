"""Several runners on one Postgres database: each shows that it lives, and takes over the runs of those that do not."""

import asyncio
import logging
from typing import Final

from quarterdeck.guard import guarded
from quarterdeck_runner import durability
from quarterdeck_runner.announce import Announcer
from quarterdeck_runner.database import Tables
from quarterdeck_runner.recovery import Recovery
from quarterdeck_runner.store import RunStore

log = logging.getLogger("quarterdeck.runner")

_BEATS: Final = 5
"""How many signs of life fit into the time after which a runner is believed to be dead."""


class Fleet:
    """This runner among the others.

    Args:
        url: database, as SQLAlchemy writes it.
        me: name of this runner.
        silence_s: seconds without a sign of life after which a runner is believed to be dead.
    """

    def __init__(self, url: str, me: str, silence_s: float) -> None:
        self._tables = Tables(url, "fleet.sql")
        self._me, self._silence_s = me, silence_s

    def join(self) -> None:
        """Show the others that this runner is there."""
        self._tables.open()
        self._beat()

    def leave(self) -> None:
        """Tell the others to go on with what this runner looked after."""
        self._tables.write("stop", {"id": self._me})
        self._tables.close()

    def engines(self) -> set[str]:
        """Versions of the engine that the living runners have."""
        return {str(found["engine"]) for found in self._tables.read("engines", silence=self._silence_s)}

    async def watch(self, recovery: Recovery, store: RunStore, announcer: Announcer) -> None:
        """Show life and look after the others, for ever.

        Args:
            recovery: who takes runs over.
            store: where the runs are.
            announcer: who tells the dashboard; it falls silent about runs that others look after.
        """
        while True:
            with guarded("look after the other runners"):
                await asyncio.to_thread(self._beat)
                for name, stopped in await asyncio.to_thread(self._claimed):
                    taken = await recovery.after_death(name, in_peace=stopped)
                    await asyncio.to_thread(self._tables.write, "forget", {"id": name, "me": self._me})
                    log.info("runner %s %s: took over %d runs", name, "stopped" if stopped else "died", taken)
                told = announcer.open
                announcer.elsewhere(told - await asyncio.to_thread(store.owned, self._me))
            await asyncio.sleep(self._silence_s / _BEATS)

    def _beat(self) -> None:
        self._tables.write("beat", {"id": self._me, "engine": durability.APPLICATION_VERSION})

    def _claimed(self) -> list[tuple[str, bool]]:
        """Runners that are gone and that nobody else has claimed."""
        found = self._tables.read("gone", me=self._me, silence=self._silence_s)
        return [
            (str(each["id"]), bool(each["stopped"]))
            for each in found
            if self._tables.write("claim", {"me": self._me, "id": each["id"], "silence": self._silence_s})
        ]
