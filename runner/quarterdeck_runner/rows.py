"""Rows of runs."""

import time
from collections.abc import Mapping
from typing import Any

from quarterdeck.execution import new_run_id
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import RunRow


def new_row(pipeline: Pipeline, source: str, inputs: Mapping[str, Any]) -> RunRow:
    """A run that waits.

    Args:
        pipeline: what to run.
        source: the text of its file.
        inputs: complete and checked.
    """
    return RunRow(
        id=new_run_id(),
        pipeline=pipeline.name,
        version=pipeline.version,
        file=str(pipeline.file.resolve()),
        source=source,
        inputs=dict(inputs),
        steps_total=len(pipeline.steps),
        status="waiting",
        pending="",
        current_step="",
        steps_done=0,
        error="",
        error_type="",
        output=None,
        created_ns=time.time_ns(),
        started_ns=0,
        completed_ns=0,
        announced=0,
    )
