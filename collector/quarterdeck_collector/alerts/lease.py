"""Which of several collectors on one server evaluates the rules.

ClickHouse cannot compare and set, so nobody takes a lock: every collector says every few seconds that it is there, by
the server's clock, and the one that joined first among those heard of lately evaluates. One that was not heard of for
:data:`LEASE` has lost its turn before another takes it. Should two evaluate nonetheless, since the tables of a cluster
are copied late, what they tell has the same ids.
"""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quarterdeck.files import PUBLIC, replace
from quarterdeck_collector.store import Store, literal

LEASE: Final = 30.0
"""Seconds."""

SAY_EVERY: Final = 10.0
"""Seconds between two signs of life."""

ID_FILE: Final = "collector-id"
"""In the data directory: one that is started again is the one that it was."""


def holder_id(data_dir: Path) -> str:
    """Give the name of a collector; made at its first start.

    Raises:
        OSError: If it can neither be read nor kept.
    """
    path = data_dir / ID_FILE
    if not path.exists():
        replace(path, secrets.token_hex(8).encode(), PUBLIC)
    return path.read_text("ascii").strip()


class Lease:
    """The turn of one collector.

    Args:
        store: The server that they share.
        holder: Name of this one.
        clock: Seconds that never jump.
    """

    def __init__(self, store: Store, holder: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._said = 0.0
        self._mine_until = 0.0

    def held(self) -> bool:
        """Whether it is this one's turn; says that it is there when that is due.

        Raises:
            StoreError: If ClickHouse does not answer.
        """
        now = self._clock()
        if not self._said or now - self._said >= SAY_EVERY:
            self._mine_until = now + LEASE if self._is_first() else 0.0
            self._said = now
        return self._clock() < self._mine_until

    def give_up(self) -> None:
        """Let others have their turn at once.

        Raises:
            StoreError: If ClickHouse does not answer.
        """
        self._mine_until = self._said = 0.0
        self._insert("toDateTime64('2100-01-01', 3)")

    def _is_first(self) -> bool:
        joined = self._joined()
        self._insert(f"toDateTime64({literal(joined)}, 3)" if joined else "now64(3)")
        first = self._store.rows(
            f"SELECT Holder FROM ({self._alive()}) ORDER BY Joined, Holder LIMIT 1"  # noqa: S608 - ours
        )
        return first == [[self._holder]]

    def _joined(self) -> str:
        """Since when this one is there, if it was heard of lately."""
        found = self._store.rows(
            f"SELECT toString(Joined) FROM ({self._alive()}) WHERE Holder = {literal(self._holder)}"  # noqa: S608 - ours
        )
        return found[0][0] if found else ""

    def _alive(self) -> str:
        return (
            "SELECT Holder, argMax(Joined, Heard) AS Joined, max(Heard) AS Last "  # noqa: S608 - ours
            f"FROM {self._store.database}.alert_evaluators GROUP BY Holder "
            f"HAVING Last > now64(3) - INTERVAL {LEASE:.0f} SECOND AND Joined < now64(3) + INTERVAL 1 HOUR"
        )

    def _insert(self, joined: str) -> None:
        self._store.command(
            f"INSERT INTO {self._store.database}.alert_evaluators (Holder, Joined, Heard) "
            f"SELECT {literal(self._holder)}, {joined}, now64(3)"
        )


class Alone:
    """The turn of a collector that has its store for itself."""

    def held(self) -> bool:
        """Always."""
        return True

    def give_up(self) -> None:
        """Nobody else waits."""
