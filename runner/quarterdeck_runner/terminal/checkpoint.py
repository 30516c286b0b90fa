"""What a run in the terminal has finished, in a file beside its results: one line for each step, each synced to disk.

A run that was broken off goes on only when that is asked for. Results of steps that were changed since, and of those
after them, are not used again.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Nested, Step

_SUFFIX: Final = ".jsonl"


@dataclass(frozen=True)
class Head:
    """What a run was started with.

    Args:
        id: id of the run.
        file: absolute path of the pipeline.
        pipeline: its name.
        inputs: complete and checked.
        created_ns: when, nanoseconds since the epoch.
    """

    id: str
    file: str
    pipeline: str
    inputs: dict[str, Any]
    created_ns: int


class CheckpointError(Exception):
    """There is nothing to go on with; the message says why."""


class Checkpoint:
    """The file of one run.

    Args:
        path: the file.
        head: what the run was started with.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.path, self.head = path, head
        self.ended = ""
        self._records: dict[str, tuple[str, Record]] = {}
        self._file: Any = None

    @classmethod
    def new(cls, folder: Path, head: Head) -> "Checkpoint":
        """Begin the file of a new run.

        Raises:
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder / f"{head.id}{_SUFFIX}", head)
        made._append({"run": asdict(head)})
        return made

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Read the file of an earlier run; a last line that was torn by a crash does not count.

        Raises:
            CheckpointError: it is none.
        """
        entries = list(_entries(path))
        if not entries or "run" not in entries[0]:
            raise CheckpointError(f"{path} is no record of a run")
        found = cls(path, Head(**entries[0]["run"]))
        for entry in entries[1:]:
            if "path" in entry:
                found._records[entry["path"]] = (entry["step"], entry["record"])
            found.ended = entry.get("ended", "")
        return found

    def get(self, path: str, mark: str) -> Record | None:
        """The record of a step, if it is finished and was not changed since; ``None`` otherwise."""
        known, record = self._records.get(path, ("", {}))
        return record if known == mark and record else None

    def put(self, path: str, mark: str, record: Record) -> None:
        """Keep a record; it is on disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        self._records[path] = (mark, record)
        self._append({"path": path, "step": mark, "record": record})

    def end(self, status: str) -> None:
        """Note how the run ended.

        Raises:
            OSError: it cannot be written.
        """
        self.ended = status
        self._append({"ended": status})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _append(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
            if self._file.tell():
                # After a torn line, should there be one; empty lines are passed over.
                self._file.write("\n")
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def find(folder: Path, file: Path, run_id: str) -> Checkpoint:
    """The run to go on with.

    Args:
        folder: where the records of runs are.
        file: the pipeline.
        run_id: id of the run; empty for the latest one of this file that did not complete.

    Raises:
        CheckpointError: there is none, or it has completed.
    """
    if run_id:
        path = folder / f"{Path(run_id).name}{_SUFFIX}"
        if not path.is_file():
            raise CheckpointError(f"there is no record of a run '{run_id}' in {folder}")
        found = Checkpoint.read(path)
        if found.ended == "completed":
            raise CheckpointError(f"run {run_id} has completed: start a new one")
        return found
    for path in sorted(folder.glob(f"*{_SUFFIX}"), reverse=True):
        found = Checkpoint.read(path)
        if found.head.file == str(file.resolve()) and found.ended != "completed":
            return found
    raise CheckpointError(f"no run of {file} was broken off: there is nothing to go on with in {folder}")


def marks(steps: tuple[Step, ...]) -> list[str]:
    """What tells whether a step and all before it are the same as when a record was made."""
    digest = hashlib.sha256()
    found = []
    for step in steps:
        digest.update(json.dumps(_definition(step), sort_keys=True, default=str).encode())
        found.append(digest.hexdigest()[:16])
    return found


def _definition(step: Step) -> Any:
    calls = [[call.model, call.system, call.timeout_s, asdict(call.budget)] for call in step.calls]
    inside = [_definition(each) for each in step.body] if isinstance(step.action, Nested) else []
    return [step.name, step.type, dict(step.written), calls, inside]
