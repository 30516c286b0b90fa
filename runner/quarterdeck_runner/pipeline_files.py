"""Pipelines saved over REST: into the folder and nowhere else, and never over what somebody else saved meanwhile."""

import hashlib
import re
from pathlib import Path
from typing import Final

from quarterdeck import files

_NO_LETTERS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 100


class ChangedError(Exception):
    """The file is not what the writer thinks it is."""


class TakenError(Exception):
    """There is a file of this name, which holds another pipeline."""


def etag_of(source: bytes) -> str:
    """Entity tag of a file's content."""
    return f'"{hashlib.sha256(source).hexdigest()[:32]}"'


def file_for(folder: Path, name: str) -> Path:
    """The file that a new pipeline of this name gets: letters and digits only, so it cannot be elsewhere."""
    return folder / f"{_NO_LETTERS.sub('_', name.lower()).strip('_')[:_LONGEST] or 'pipeline'}.yaml"


def create(path: Path, source: bytes) -> None:
    """Write a new file.

    Raises:
        TakenError: there is one.
        OSError: the disk refuses.
    """
    with files.sole_writer(path.parent):
        if path.exists() or path.is_symlink():
            raise TakenError
        files.replace(path, source, files.PUBLIC)


def replace(path: Path, source: bytes, expected: str) -> None:
    """Write a file anew.

    Args:
        path: the file.
        source: its new content.
        expected: entity tag of its content until now; ``*`` for whatever it is.

    Raises:
        ChangedError: it has another.
        OSError: the disk refuses.
    """
    with files.sole_writer(path.parent):
        _check(path, expected)
        files.replace(path, source, files.PUBLIC)


def remove(path: Path, expected: str) -> None:
    """Delete a file.

    Args:
        path: the file.
        expected: entity tag of its content; ``*`` for whatever it is.

    Raises:
        ChangedError: it has another, or is gone.
        OSError: the disk refuses.
    """
    with files.sole_writer(path.parent):
        _check(path, expected)
        path.unlink()
        files.sync_folder(path.parent)


def _check(path: Path, expected: str) -> None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ChangedError from None
    wanted = {each.strip().removeprefix("W/") for each in expected.split(",")}
    if "*" not in wanted and etag_of(content) not in wanted:
        raise ChangedError
