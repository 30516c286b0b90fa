"""What a run runs, as it was when the run was asked for."""

import functools
import json
from pathlib import Path

from quarterdeck_runner.python_pipelines import pipeline_from
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import RunRow
from quarterdeck_runner.validate import validate


def pipeline_of(row: RunRow) -> Pipeline:
    """The pipeline of a run."""
    return _pipeline(row.kind, row.source, row.file)


@functools.lru_cache(maxsize=64)
def _pipeline(kind: str, source: str, file: str) -> Pipeline:
    if kind == "python":
        return pipeline_from(json.loads(source))
    return validate(source, Path(file)).pipeline
