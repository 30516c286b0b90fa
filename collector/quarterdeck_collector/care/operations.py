"""Everything that can be done to stored data, in one place for commands and routes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.care import archive
from quarterdeck_collector.care.derived import finish_pending, pending
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.purge import PurgeReport, purge
from quarterdeck_collector.care.reprice import RepriceReport, reprice
from quarterdeck_collector.care.restore import ImportReport, restore
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.store import Store


class ClusterError(Exception):
    """A cluster cannot do it so."""


class Care(Protocol):
    """What a command asks for, wherever it is done."""

    def purge(self, selection: Selection, *, dry_run: bool) -> PurgeReport:
        """Remove data for good."""
        ...

    def reprice(self, selection: Selection, models: Sequence[str], *, dry_run: bool) -> RepriceReport:
        """Compute costs anew."""
        ...

    def export(self, kind: Kind, selection: Selection) -> Iterator[Message]:
        """Give stored data as OTLP messages."""
        ...

    def restore(self, kind: Kind, message: Any) -> ImportReport:
        """Store what of a message is not there yet."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """What runs beside an operation.

    Args:
        leftovers: Files that hold telemetry.
        settle: Returns when everything that was acknowledged before is in the tables.
        quiet: Makes a block during which no segment is inserted.
        load_prices: Brings the price table up to date.
        clean: Redacts a serialised request.
        forget: Lets go of what is kept for listeners who come back.
    """

    leftovers: Leftovers
    settle: Callable[[], None]
    quiet: Callable[[], AbstractContextManager[None]]
    load_prices: Callable[[], str]
    clean: Callable[[Kind, bytes], bytes]
    forget: Callable[[], None]


class LocalCare(Care):
    """Operations of the process that owns the data.

    Args:
        store: The data.
        around: What runs beside.
    """

    def __init__(self, store: Store, around: Surroundings) -> None:
        self._store = store
        self._around = around

    def purge(self, selection: Selection, *, dry_run: bool) -> PurgeReport:
        """Remove data for good."""
        if self._store.cluster and not selection.whole_days:
            raise ClusterError(
                "on a cluster whole days are purged: give --from and --to as dates, "
                "such as --from 2026-01-31 --to 2026-01-31"
            )
        self._prepare(dry_run=dry_run)
        report = purge(self._store, selection, self._around.leftovers, self._around.quiet, dry_run=dry_run)
        if not dry_run:
            self._around.forget()
        return report

    def reprice(self, selection: Selection, models: Sequence[str], *, dry_run: bool) -> RepriceReport:
        """Compute costs anew, from prices that are read anew."""
        self._prepare(dry_run=dry_run)
        self._around.load_prices()
        return reprice(self._store, selection, models, self._around.quiet, dry_run=dry_run)

    def export(self, kind: Kind, selection: Selection) -> Iterator[Message]:
        """Give stored data as OTLP messages."""
        self._around.settle()
        yield from archive.messages(self._store, kind, selection)

    def restore(self, kind: Kind, message: Any) -> ImportReport:
        """Store what of a message is not there yet."""
        clean = self._around.clean(kind, message.SerializeToString())
        return restore(self._store, kind, kind.request.FromString(clean))

    def unfinished(self) -> bool:
        """Whether an interrupted operation left days to be rebuilt."""
        return bool(pending(self._store))

    def finish(self) -> list[str]:
        """Rebuild what an interrupted operation left behind, and give the days."""
        self._around.settle()
        with self._around.quiet():
            return finish_pending(self._store)

    def _prepare(self, *, dry_run: bool) -> None:
        self._around.settle()
        if not dry_run and self.unfinished():
            self.finish()
