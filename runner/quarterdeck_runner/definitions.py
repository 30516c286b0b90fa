"""What a run runs, as it was when the run was asked for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path

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
    return _pipeline(row.kind, row.source, row.file, tuple(sorted((files or {}).items())))


@functools.lru_cache(maxsize=64)
def _pipeline(kind: str, source: str, file: str, files: tuple[tuple[str, str], ...]) -> Pipeline:
    if kind == "python":
        return pipeline_from(json.loads(source))
    return validate(source, Path(file), files=dict(files)).pipeline
