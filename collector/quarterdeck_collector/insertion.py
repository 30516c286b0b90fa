"""One segment to ClickHouse: as it is, else rewritten, else in pieces, so that only what can never be taken is left."""

import contextlib
import errno
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector import pieces
from quarterdeck_collector.care.restore import present
from quarterdeck_collector.nested import rewrite_body
from quarterdeck_collector.quarantine import Quarantine
from quarterdeck_collector.receive.otlp import METRICS, Kind
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import Segment, frame, unframe
from quarterdeck_collector.store import Store, literal

log = logging.getLogger("quarterdeck.collector")


@dataclass(frozen=True)
class _Request:
    number: int
    original: bytes
    rewritten: bytes


class Insertion:
    """Inserts segments of one signal; every method blocks.

    Args:
        kind: Signal.
        table: Input table of that signal.
        store: Where to insert.
        quarantine: Keeps what ClickHouse does not take.
        on_abandoned: Told of each segment that will not be tried again under its token.
    """

    def __init__(
        self,
        kind: Kind,
        table: str,
        store: Store,
        quarantine: Quarantine,
        on_abandoned: Callable[[Segment], None] = lambda _: None,
    ) -> None:
        self._kind = kind
        self._table = table
        self._store = store
        self._quarantine = quarantine
        self._on_abandoned = on_abandoned

    def insert(self, segment: Segment) -> int:
        """Insert a segment, once however often this is called.

        Returns:
            Number of items that ClickHouse can never take: their requests are set aside.

        Raises:
            StoreError: If it may be taken later.
        """
        try:
            return self._insert(segment)
        except FileNotFoundError as error:
            raise StoreError(f"{segment.path} is gone", error.errno or errno.ENOENT) from error
        except OSError as error:
            raise StoreError(f"{segment.path} cannot be worked on: {error.strerror}", 0) from error

    def divide(self, segment: Segment) -> list[Segment]:
        """Divide a refused segment on disk, if nothing of it is stored.

        Returns:
            Its halves; none if it must be tried as it is.

        Raises:
            StoreError: If the store cannot say.
            OSError: If the disk refuses.
        """
        if self._kind is METRICS:  # of points nobody can say whether they are stored
            return []
        if self._under_way(segment):
            return []
        for body in unframe(segment.path.read_bytes())[0]:
            with contextlib.suppress(DecodeError):
                if present(self._store, self._kind, self._kind.request.FromString(bytes(body))):
                    return []
        halves = pieces.divide(self._kind, segment)
        if halves:
            self._on_abandoned(segment)
        return halves

    def _under_way(self, segment: Segment) -> bool:
        """Whether ClickHouse still works on an insert of it that nobody waits for, perhaps of a killed process."""
        processes = "system.processes"
        if cluster := self._store.cluster:
            processes = f"clusterAllReplicas({literal(cluster)}, {processes})"
        token = literal(segment.token)
        sql = f"SELECT count() FROM {processes} WHERE startsWith(Settings['insert_deduplication_token'], {token})"  # noqa: S608 - quoted
        return self._store.rows(sql) != [["0"]]

    def set_aside(self, segment: Segment, error: StoreError) -> None:
        """Give a segment to the quarantine, under its own name.

        Raises:
            OSError: If the disk refuses.
        """
        target = self._quarantine.keep(segment.path.stem, segment.path.read_bytes(), error)
        segment.path.unlink()
        self._on_abandoned(segment)
        log.error("ClickHouse takes others but not this, kept as %s: %s", target, error)

    def _insert(self, segment: Segment) -> int:
        try:
            self._insert_file(segment.path, segment.token)
        except StoreError as error:
            if not (error.bad_data or error.nested_value):
                raise
            bodies = map(bytes, unframe(segment.path.read_bytes())[0])
            requests = [
                _Request(n, body, rewrite_body(self._kind, body)) for n, body in enumerate(bodies, segment.first)
            ]
            return self._insert_rewritten(segment, requests, segment.token)
        return 0

    def _insert_rewritten(self, segment: Segment, requests: list[_Request], token: str) -> int:
        """Insert requests, in halves if they are refused: the same halves under the same tokens at every try."""
        try:
            with _scratch(segment.path, b"".join(frame(one.rewritten) for one in requests)) as path:
                self._insert_file(path, token)
        except StoreError as error:
            if error.half_stored or not error.bad_data:
                raise
            if len(requests) == 1:
                self._reject(segment, requests[0], error)
                return self._kind.count_bytes(requests[0].original)
            middle = len(requests) // 2
            return sum(
                self._insert_rewritten(segment, half, segment.token_of(segment.piece(half[0].number, len(half))))
                for half in (requests[:middle], requests[middle:])
            )
        return 0

    def _reject(self, segment: Segment, request: _Request, error: StoreError) -> None:
        name = segment.path.stem if segment.divided_request else segment.piece(request.number, 1)
        target = self._quarantine.keep(name, frame(request.original), error)
        log.error("ClickHouse can never take this request, kept as %s: %s", target, error)

    def _insert_file(self, path: Path, token: str) -> None:
        self._store.insert_otlp(self._table, path, self._kind.request.DESCRIPTOR.name, token)


@contextlib.contextmanager
def _scratch(segment: Path, data: bytes) -> Iterator[Path]:
    """Make a temporary neighbour of a segment."""
    path = segment.with_name(f"{segment.name}.tmp")
    try:
        path.write_bytes(data)
        yield path
    finally:
        path.unlink(missing_ok=True)
