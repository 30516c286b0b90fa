"""A gate before the inserts of segments: closed while something must not change under an operation."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import Segment
from quarterdeck_collector.store import Store

PATIENCE: Final = 60.0
"""Seconds to wait for inserts under way."""


class BusyError(Exception):
    """The inserts cannot be stopped now; the message says why and what to do."""


class GatedStore(Store):
    """A store whose inserts of segments can be held up; everything else passes.

    Args:
        store: The store behind the gate.
    """

    def __init__(self, store: Store) -> None:
        self.inner = store
        self.database = store.database
        self.dict_auth = store.dict_auth
        self.cluster = store.cluster
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0
        self._unsettled: set[str] = set()

    @property
    @override
    def problem(self) -> str:
        return self.inner.problem

    def abandon(self, segment: Segment) -> None:
        """Expect no further insert of a segment that failed."""
        token = segment.token
        with self._changed:
            self._unsettled = {each for each in self._unsettled if each != token and not each.startswith(f"{token}-")}

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Let no insert begin until the block ends; those under way are waited for.

        Raises:
            BusyError: If one takes too long, or may be stored in part: it has to succeed first; or nothing can
                be written now.
        """
        if self.problem:
            raise BusyError(self.problem)
        with self._changed:
            self._wait(lambda: not self._closed)
            self._closed = True
        try:
            with self._changed:
                self._wait(lambda: not self._inside)
                if self._unsettled:
                    raise BusyError("ClickHouse does not take what waits for it; try again when it does (see /readyz)")
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

    def _wait(self, what: Any) -> None:
        if not self._changed.wait_for(what, PATIENCE):
            raise BusyError(f"an insert or another operation has not ended in {PATIENCE:g} s; try again")

    @override
    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
            self._unsettled.add(token)
        settled = True
        try:
            self.inner.insert_otlp(table, segment, message, token)
        except StoreError as error:
            settled = error.bad_data and not error.half_stored
            raise
        finally:
            with self._changed:
                self._inside -= 1
                if settled:
                    self._unsettled.discard(token)
                self._changed.notify_all()

    @override
    def command(self, sql: str) -> None:
        self.inner.command(sql)

    @override
    def rows(self, sql: str) -> list[list[str]]:
        return self.inner.rows(sql)

    @override
    def json_rows(self, sql: str) -> list[dict[str, Any]]:
        return self.inner.json_rows(sql)

    @override
    def ask(self, sql: str, parameters: Mapping[str, Any], seconds: int) -> list[dict[str, Any]]:
        return self.inner.ask(sql, parameters, seconds)

    @override
    def insert_rows(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        self.inner.insert_rows(table, rows)

    @override
    def make_durable(self) -> None:
        self.inner.make_durable()

    @override
    def close(self) -> None:
        self.inner.close()
