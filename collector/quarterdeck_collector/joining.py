"""Segments that have waited together, joined on disk: an insert costs much the same for few requests as for many.

Only what nobody has tried to insert may be joined: its parts are known under no token yet, and the whole, which goes by
the name of its first part among the pieces, is stored under that one. A list beside it names the parts until they are
removed. The whole becomes valid in one step, its renaming; a start after a kill at any moment finds either all parts or
the whole.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quarterdeck import files
from quarterdeck_collector.pieces import folder_beside
from quarterdeck_collector.segments import SUFFIX, Segment

_DRAFT: Final = ".joining"
_LIST: Final = ".joins"


class HalfJoinedError(Exception):
    """The whole is valid and its parts cannot be removed: neither may be inserted before the next start."""


def join(segments: Sequence[Segment]) -> Segment:
    """Replace segments that nobody has tried to insert by one.

    Args:
        segments: Sealed, of one signal, in order.

    Raises:
        OSError: If the whole cannot be written; they are then as they were.
        HalfJoinedError: If the disk refuses afterwards.
    """
    folder = segments[0].path.parent
    whole = folder_beside(folder) / segments[0].path.name
    try:
        _write(whole, segments)
    except OSError:
        with contextlib.suppress(OSError):  # what is left now goes with the next attempt or start
            finish_joins(folder)
        raise
    try:
        finish_joins(folder)
    except OSError as error:
        raise HalfJoinedError(f"parts of {whole} cannot be removed: {error.strerror}") from error
    return Segment(
        whole,
        sum(segment.items for segment in segments),
        sum(segment.size for segment in segments),
        b"".join(segment.keys for segment in segments),
        signal=segments[0].signal or folder.name,
    )


def _write(whole: Path, segments: Sequence[Segment]) -> None:
    draft = whole.with_suffix(_DRAFT)
    with draft.open("wb") as target:
        for segment in segments:
            with segment.path.open("rb") as source:
                target.write(source.read(segment.size))  # behind that there may be a torn tail
        target.flush()
        os.fsync(target.fileno())
    files.replace(whole.with_suffix(_LIST), "\n".join(segment.path.name for segment in segments).encode())
    draft.rename(whole)


def finish_joins(folder: Path) -> None:
    """Remove the parts of every whole, and of every other attempt what it has written.

    Args:
        folder: Where the segments of one signal lie.

    Raises:
        OSError: If the disk refuses.
    """
    wholes = folder_beside(folder)
    for listed in wholes.glob(f"*{_LIST}"):
        if listed.with_suffix(SUFFIX).exists():
            files.sync_folder(wholes)
            for name in listed.read_text().splitlines():
                (folder / name).unlink(missing_ok=True)
            files.sync_folder(folder)
        listed.unlink()
    for draft in wholes.glob(f"*{_DRAFT}"):
        draft.unlink()
