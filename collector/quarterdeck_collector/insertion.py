"""One segment to ClickHouse: as it is, else rewritten, else in pieces, so that only what can never be taken is left."""

import contextlib
import errno
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck_collector.nested import rewrite_body
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import SUFFIX, Segment, frame, unframe
from quarterdeck_collector.store import Store

log = logging.getLogger("quarterdeck.collector")

REJECTED: Final = "rejected"
"""Folder of the requests that ClickHouse can never take."""


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
    """

    def __init__(self, kind: Kind, table: str, store: Store) -> None:
        self._kind = kind
        self._table = table
        self._store = store

    def insert(self, segment: Segment) -> int:
        """Insert a segment, once however often this is called.

        Returns:
            Number of items that ClickHouse can never take: their requests lie in :data:`REJECTED`.

        Raises:
            StoreError: If it may be taken later.
        """
        try:
            return self._insert(segment)
        except FileNotFoundError as error:
            raise StoreError(f"{segment.path} is gone", error.errno or errno.ENOENT) from error
        except OSError as error:
            raise StoreError(f"{segment.path} cannot be worked on: {error.strerror}", 0) from error

    def _insert(self, segment: Segment) -> int:
        try:
            self._insert_file(segment.path, segment.token)
        except StoreError as error:
            if not (error.bad_data or error.nested_value):
                raise
            bodies = map(bytes, unframe(segment.path.read_bytes())[0])
            requests = [_Request(n, body, rewrite_body(self._kind, body)) for n, body in enumerate(bodies)]
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
                _set_aside(segment, requests[0], error)
                return self._kind.count_bytes(requests[0].original)
            middle = len(requests) // 2
            return sum(
                self._insert_rewritten(segment, half, f"{segment.token}-{half[0].number}-{len(half)}")
                for half in (requests[:middle], requests[middle:])
            )
        return 0

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


def _set_aside(segment: Segment, request: _Request, error: StoreError) -> None:
    folder = segment.path.parent / REJECTED
    folder.mkdir(exist_ok=True)
    target = folder / f"{segment.path.stem}-{request.number}{SUFFIX}"
    target.write_bytes(frame(request.original))
    log.error("ClickHouse can never take this request, kept as %s: %s", target, error)
