"""The pipelines of a folder, read again whenever a file changed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from quarterdeck_runner.diagnostics import Diagnostic
from quarterdeck_runner.files import candidates
from quarterdeck_runner.python_pipelines import Modules
from quarterdeck_runner.source import MAX_BYTES
from quarterdeck_runner.spec import Nested, Pipeline, every
from quarterdeck_runner.validate import Validated, validate

_SUFFIXES: Final = (".yaml", ".yml")

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Entry:
    """One file of the folder.

    Args:
        pipeline: what is in it.
        source: its text.
        diagnostics: all its problems.
        runnable: whether it can be run.
        kind: ``yaml`` or ``python``.
    """

    pipeline: Pipeline
    source: str
    diagnostics: tuple[Diagnostic, ...]
    runnable: bool
    kind: str = "yaml"


class Catalogue:
    """All pipelines of a folder and of some Python modules.

    Args:
        folder: where the files are; it may come into being later.
        modules: the Python modules.
    """

    def __init__(self, folder: Path, modules: Modules | None = None) -> None:
        self.folder = folder
        self._modules = modules or Modules(())
        self._cache: dict[Path, tuple[Fingerprint, Entry]] = {}

    def entries(self) -> list[Entry]:
        """Every file, in the order of names; a broken one with its diagnostics."""
        paths = sorted(self._paths())
        self._cache = {path: cached for path, cached in self._cache.items() if path in paths}
        taken: dict[str, Path] = {}
        entries = []
        for path in paths:
            entry = self._entry(path)
            first = taken.setdefault(entry.pipeline.name, path)
            entries.append(entry if first == path else _second(entry, first))
        for found in self._modules.found():
            entry = Entry(found.pipeline, found.source, found.diagnostics, not found.problem, "python")
            where = found.pipeline.file / str(found.pipeline.document.get("function"))
            first = taken.setdefault(entry.pipeline.name, where)
            entries.append(entry if first == where else _second(entry, first))
        return sorted(entries, key=lambda entry: entry.pipeline.name)

    def find(self, name: str) -> Entry | None:
        """A pipeline by its name."""
        return next((entry for entry in self.entries() if entry.pipeline.name == name), None)

    def holds(self, path: Path) -> bool:
        """Whether a file is in the folder, wherever links lead."""
        return path.resolve().is_relative_to(self.folder.resolve())

    @property
    def hint(self) -> str:
        """What to do when there is nothing to run; empty if there is something."""
        if self._modules.targets:
            return ""
        if not self.folder.is_dir():
            return (
                f"there is no folder {self.folder.absolute()}: make it and put *.yaml files into it, or choose another "
                "with --pipelines / QUARTERDECK_PIPELINES"
            )
        if not any(self._paths()):
            return f"the folder {self.folder.absolute()} has no *.yaml file yet"
        return ""

    def _paths(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())

    def _entry(self, path: Path) -> Entry:
        if not self.holds(path):
            return _unread(path, "the file is a link that leads out of the folder: put the file itself here")
        cached = self._cache.get(path)
        if cached is not None and cached[0] == _fingerprint(path, cached[1].pipeline):
            return cached[1]
        entry = _read(path)
        self._cache[path] = (_fingerprint(path, entry.pipeline), entry)
        return entry


def _unread(path: Path, message: str) -> Entry:
    problem = Diagnostic(1, 1, "error", path.name, message)
    return Entry(Pipeline(path.stem, "", "", path, (), {}, "", ()), "", (problem,), runnable=False)


def _read(path: Path) -> Entry:
    try:
        with path.open("rb") as file:
            source = file.read(4 * MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            "the file is no UTF-8 text"
            if isinstance(error, UnicodeDecodeError)
            else f"it cannot be read: {error.strerror}"
        )
        return _unread(path, message)
    found: Validated = validate(source, path)
    return Entry(found.pipeline, source, found.diagnostics, found.runnable)


def _second(entry: Entry, first: Path) -> Entry:
    file = entry.pipeline.file.name
    message = f"the name '{entry.pipeline.name}' is already used by {first.name}: choose another"
    problem = Diagnostic(1, 1, "error", file, message)
    return replace(entry, diagnostics=(problem, *entry.diagnostics), runnable=False)


def _fingerprint(path: Path, pipeline: Pipeline) -> Fingerprint:
    """Sizes and times of the file and of the files it names, in prompts or to run: a missing one may appear."""
    named = [place for written, folder in _named(pipeline) for place in candidates(written, folder)]
    return tuple(_stamp(place) for place in dict.fromkeys([path, *named]))


def _named(pipeline: Pipeline) -> Iterator[tuple[str, Path]]:
    folder = pipeline.file.parent
    for step in every(pipeline.steps):
        yield from ((part.text, folder) for call in step.calls for part in call.prompt if part.kind == "file")
        if isinstance(file := step.written.get("pipeline_file"), str):
            yield file, folder
        if isinstance(step.action, Nested):
            yield from _named(step.action.pipeline)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path with a template in it may be too long for pathlib's checks
    except (OSError, ValueError):
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size
