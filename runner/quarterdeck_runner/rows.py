"""Rows of new runs."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from quarterdeck.execution import new_run_id
from quarterdeck_runner import durability
from quarterdeck_runner.definitions import kind_of
from quarterdeck_runner.options import Options
from quarterdeck_runner.spec import Pipeline
from quarterdeck_runner.store import RunRow


def new_row(pipeline: Pipeline, source: str, inputs: Mapping[str, Any], options: Options | None = None) -> RunRow:
    """A run that waits.

    Args:
        pipeline: what to run.
        source: the text of its file.
        inputs: complete and checked.
        options: how it differs from an ordinary run.
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
        kind=kind_of(pipeline.file),
        options=options or Options(),
        engine=durability.APPLICATION_VERSION,
        owner="",
        takeovers=0,
    )


def again(row: RunRow, pipeline: Pipeline, source: str, options: Options) -> RunRow:
    """A run that waits, like another one.

    Args:
        row: the other one.
        pipeline: what to run.
        source: its text.
        options: how it differs from an ordinary run.
    """
    return replace(new_row(pipeline, source, row.inputs, options), file=row.file)
