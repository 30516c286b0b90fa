"""Segments that ClickHouse refuses for their size, divided on disk: each piece is a segment with a token of its own.

What has been divided stays divided, also across a restart: the whole under its token and pieces of it under theirs
would be stored twice. The new names become valid in one step, the renaming of the whole.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from quarterdeck import files
from quarterdeck_collector.receive.halves import halves
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.segments import SUFFIX, Segment, frame, recover, unframe

FOLDER: Final = "pieces"
_DRAFT: Final = ".part"
_WHOLE: Final = ".divided"


def divide(kind: Kind, segment: Segment) -> list[Segment]:
    """Replace a segment, of which nothing may be stored, by two halves.

    Args:
        kind: Its signal.
        segment: Sealed; its requests are known by their keys already.

    Returns:
        The halves; none if it holds a single item.

    Raises:
        OSError: If they cannot be written; the segment is then as it was.
    """
    bodies = [bytes(body) for body in unframe(segment.path.read_bytes())[0]]
    parts = _parts(kind, segment, bodies)
    folder = folder_beside(segment.path.parent)
    _finish(folder)  # drafts of a division that a full disk has stopped
    for name, part in parts:
        _write(folder / f"{name}{_DRAFT}", b"".join(map(frame, part)))
    if not parts:
        return []
    files.sync_folder(folder)
    segment.path.rename(folder / f"{segment.path.stem}{_WHOLE}")
    _finish(folder)
    return [_piece(kind, segment, folder / f"{name}{SUFFIX}", part) for name, part in parts]


def recover_pieces(kind: Kind, folder: Path) -> Iterator[tuple[Segment, list[memoryview]]]:
    """Find the pieces that an earlier process left, and their messages.

    Args:
        kind: Signal.
        folder: Where its segments lie.
    """
    pieces = folder_beside(folder)
    _finish(pieces)
    yield from recover(pieces, kind.count_bytes, kind.name)


def folder_beside(folder: Path) -> Path:
    """Give the folder of pieces that belongs to a folder of segments, or that this one is."""
    pieces = folder if folder.name == FOLDER else folder / FOLDER
    pieces.mkdir(exist_ok=True)
    return pieces


def _parts(kind: Kind, segment: Segment, bodies: list[bytes]) -> list[tuple[str, list[bytes]]]:
    if len(bodies) < 2:  # noqa: PLR2004 - two halves
        both = halves(kind, b"".join(bodies))
        return [(segment.half_request(name), [half]) for name, half in zip("ab", both, strict=True)] if both else []
    middle, first = len(bodies) // 2, segment.first
    return [
        (segment.piece(first, middle), bodies[:middle]),
        (segment.piece(first + middle, len(bodies) - middle), bodies[middle:]),
    ]


def _piece(kind: Kind, whole: Segment, path: Path, bodies: list[bytes]) -> Segment:
    items = sum(map(kind.count_bytes, bodies))
    return Segment(
        path,
        items,
        path.stat().st_size,
        signal=kind.name,
        attempts=whole.attempts,
        taken_before=whole.taken_before,
    )


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _finish(folder: Path) -> None:
    """Bring a division to its end, or, if the whole is still in its place, back to its beginning."""
    wholes = list(folder.glob(f"*{_WHOLE}"))
    act: Callable[[Path], object] = (lambda part: part.rename(part.with_suffix(SUFFIX))) if wholes else Path.unlink
    files.sync_folder(folder)
    for part in folder.glob(f"*{_DRAFT}"):
        act(part)
    files.sync_folder(folder)
    for whole in wholes:
        whole.unlink()
