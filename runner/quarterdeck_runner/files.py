"""Files that pipelines read and write: where they are looked for, and where they may be."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

MAX_FILE_BYTES: Final = 8 << 20


class FileError(Exception):
    """A file cannot be read or written; the message says why and what to do."""


def candidates(written: str, folder: Path) -> list[Path]:
    """Where a path of a pipeline may lead: beside the pipeline's file, then in the current folder."""
    places = [folder / written, Path.cwd() / written]
    return list(dict.fromkeys(Path(os.path.normpath(place)) for place in places))


def read_file(written: str, folder: Path, outputs: Path, *, templated: bool) -> str:
    """Read a text file that a prompt names.

    Args:
        written: the path, templates filled in.
        folder: the pipeline's folder.
        outputs: the run's output folder, where earlier steps wrote.
        templated: whether a value of the run is part of the path.

    Raises:
        FileError: it is not there, not text, too large or outside.
    """
    for place in [*candidates(written, folder), outputs / written]:
        if place.is_file():
            if not any(_offered(place, root) for root in (folder, folder.parent, Path.cwd(), outputs)):
                advice = "values of a run may not lead there" if templated else "put it beside the pipeline"
                raise FileError(
                    f"the file '{written}' is outside the pipeline's folder and the one above it, or hidden: {advice}"
                )
            return _text(place, written)
    raise FileError(f"there is no file '{written}' in {folder} or {Path.cwd()}")


def read_pipeline(path: Path) -> str:
    """Read a file that was named on a command line.

    Raises:
        FileError: it is not there, not text or too large.
    """
    if not path.is_file():
        raise FileError(f"{path} is a folder" if path.is_dir() else f"there is no file {path}")
    return _text(path, str(path))


def read_pipeline_file(written: str, folder: Path, kept: Mapping[str, str] | None) -> tuple[Path, str]:
    """Read the file of a nested pipeline.

    Args:
        written: the path as the pipeline around it names it.
        folder: where that one is.
        kept: texts to use instead of the files, by path; then no file is read.

    Raises:
        FileError: it is not there, not text or too large.
    """
    places = candidates(written, folder)
    for place in places:
        if kept is not None and str(place) in kept:
            return place, kept[str(place)]
        if kept is None and place.is_file():
            return place, _text(place, written)
    raise FileError(f"there is no file '{written}' in {' or '.join(dict.fromkeys(str(p.parent) for p in places))}")


def write_output(text: str, written: str, outputs: Path) -> Path:
    """Write a result below the output folder, in one piece.

    Args:
        text: what to write.
        written: relative path, templates filled in.
        outputs: the run's output folder.

    Raises:
        FileError: the path leaves the folder, or the disk refuses.
    """
    path = PurePosixPath(written)
    target = outputs / path
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise FileError(f"'{written}' must stay below the output folder: write a relative path without '..'")
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        if not within(target, outputs):
            raise FileError(f"'{written}' leads out of the output folder through a link")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.write_text(text, "utf-8")
        part.replace(target)
    except OSError as error:
        raise FileError(f"'{written}' cannot be written: {error.strerror or error}") from error
    return target


def within(path: Path, root: Path) -> bool:
    """Whether a path is below a folder, links followed."""
    # Both resolved: a link may lead out.
    return path.resolve().is_relative_to(root.resolve())


def _offered(place: Path, root: Path) -> bool:
    """Whether whoever may start runs may see a file: below a folder that is not the whole disk, and not hidden.

    Steps of a run can be edited by whoever replays it; a path that stands in a pipeline says nothing of its author.
    """
    real, top = place.resolve(), root.resolve()
    if top == top.parent or not real.is_relative_to(top):
        return False
    return not any(part.startswith(".") for part in real.relative_to(top).parts)


def _text(place: Path, written: str) -> str:
    try:
        if place.stat().st_size > MAX_FILE_BYTES:
            raise FileError(f"the file '{written}' is larger than {MAX_FILE_BYTES} bytes")
        return place.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"the file '{written}' is no UTF-8 text") from error
    except OSError as error:
        raise FileError(f"the file '{written}' cannot be read: {error.strerror or error}") from error
