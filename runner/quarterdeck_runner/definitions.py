"""What a run runs, as it was when the run was asked for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from quarterdeck_runner.python_pipelines import pipeline_from
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import RunRow
from quarterdeck_runner.validate import validate


def pipeline_of(row: RunRow, files: Mapping[str, str] | None = None) -> Pipeline:
    """The pipeline of a run.

    Args:
        row: the run.
        files: texts of nested pipelines, as the run keeps them.
    """
    return _pipeline(row.source, Path(row.file), tuple(sorted((files or {}).items())))


def parsed(source: str, file: Path) -> Pipeline:
    """A pipeline out of what the catalogue keeps of it.

    Args:
        source: the text of its file, or the description of its function.
        file: where it is.
    """
    return _pipeline(source, file, ())


def kind_of(file: Path) -> Literal["yaml", "python"]:
    """What sort of pipeline a file holds."""
    return "python" if file.suffix == ".py" else "yaml"


# The runs of a batch have the same text, and reading it takes longer than an echo step.
@functools.lru_cache(maxsize=64)
def _pipeline(source: str, file: Path, files: tuple[tuple[str, str], ...]) -> Pipeline:
    if kind_of(file) == "python":
        return pipeline_from(json.loads(source))
    return validate(source, file, files=dict(files)).pipeline
