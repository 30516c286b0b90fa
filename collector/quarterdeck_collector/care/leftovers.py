"""Requests in files beside the store: set aside as bad, or waiting for a forwarding target or for a collector."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck import semconv
from quarterdeck_collector import pieces, quarantine
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind
from quarterdeck_collector.segments import SUFFIX, frame, unframe

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = {kind.name: kind for kind in (TRACES, LOGS, METRICS)}


@dataclass(frozen=True)
class Leftovers:
    """Files to look through.

    Args:
        segments: Folder of the segments.
        forward: Folder of what waits for forwarding targets.
        sealed: Whether segments that wait for their insert belong to them: not while a collector runs.
    """

    segments: Path
    forward: Path
    sealed: bool

    def purge(self, selection: Selection, *, dry_run: bool) -> int:
        """Cut selected spans and records out of the files.

        Args:
            selection: Which.
            dry_run: Count only.

        Returns:
            How many there are; a request that cannot be read counts as one.
        """
        return sum(_purge(path, kind, selection, dry_run=dry_run) for path, kind in self._files())

    def _files(self) -> Iterator[tuple[Path, Kind]]:
        for name, kind in _KINDS.items():
            segments = self.segments / name
            found = [*segments.glob(f"{quarantine.FOLDER}/*{SUFFIX}"), *self.forward.glob(f"*/{name}/*{SUFFIX}")]
            if self.sealed:
                found += [*segments.glob(f"*{SUFFIX}"), *segments.glob(f"{pieces.FOLDER}/*{SUFFIX}")]
            yield from ((path, kind) for path in sorted(found))


def _purge(path: Path, kind: Kind, selection: Selection, *, dry_run: bool) -> int:
    try:
        bodies, _ = unframe(path.read_bytes())
    except FileNotFoundError:  # sent meanwhile
        return 0
    parts = [_without(kind, bytes(body), selection, path) for body in bodies]
    gone = sum(cut for _, cut in parts)
    if gone and not dry_run:
        _rewrite(path, [body for body, _ in parts])
    return gone


def _rewrite(path: Path, bodies: list[bytes]) -> None:
    """Replace a file; a request of which nothing is left stays as an empty one, because the forwarder counts them."""
    if not any(bodies):
        path.with_suffix(quarantine.REASON).unlink(missing_ok=True)  # it may quote what is to go
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f"{path.name}.tmp")
    with fresh.open("wb") as file:
        file.write(b"".join(map(frame, bodies)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _without(kind: Kind, body: bytes, selection: Selection, path: Path) -> tuple[bytes, int]:
    """Give the request without what is selected, empty if nothing is left, and how much was cut."""
    try:
        message: Any = kind.request.FromString(body)
    except DecodeError:
        return (b"", 1) if _names(body, selection, path) else (body, 0)
    if kind is METRICS:  # points name no run; of times, the file's own is as good as any
        inside = selection.only_time and _within(selection, _opened(path))
        return (b"", kind.count(message)) if inside else (body, 0)
    before = kind.count(message)
    outer, middle, inner = kind.levels
    for whole in getattr(message, outer):
        for scoped in getattr(whole, middle):
            items = getattr(scoped, inner)
            stay = [item for item in items if not _selected(item, selection)]
            del items[:]
            items.extend(stay)
    after = kind.count(message)
    if after == before:
        return body, 0
    return (message.SerializeToString() if after else b""), before - after


def _selected(item: Any, selection: Selection) -> bool:
    texts = {pair.key: pair.value.string_value for pair in item.attributes}
    nanoseconds = getattr(item, "start_time_unix_nano", 0) or getattr(item, "time_unix_nano", 0)
    run = texts.get(semconv.RUN_ID) or item.trace_id.hex()
    return (
        (not selection.runs or run in selection.runs)
        and selection.pipeline in ("", texts.get(semconv.PIPELINE_NAME))
        and _within(selection, _EPOCH + timedelta(microseconds=min(nanoseconds, 2**63 - 1) // 1000))
    )


def _names(body: bytes, selection: Selection, path: Path) -> bool:
    """Whether a request that cannot be read seems to be about the selection: better one bad request too many."""
    if selection.only_time:
        return _within(selection, _opened(path))
    return any(name.encode() in body for name in (*selection.runs, selection.pipeline) if name)


def _opened(path: Path) -> datetime:
    return _EPOCH + timedelta(microseconds=int(path.name.partition("-")[0]) // 1000)


def _within(selection: Selection, moment: datetime) -> bool:
    return (selection.start is None or moment >= selection.start) and (selection.end is None or moment < selection.end)
