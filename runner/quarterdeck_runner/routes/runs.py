"""Runs: start, list, steer."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from quarterdeck_runner import announce, heartbeats
from quarterdeck_runner.engine import actions
from quarterdeck_runner.heartbeats import Command, PythonRun
from quarterdeck_runner.inputs import check
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.routes.pipelines import find, require_runnable
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.store import ACTIVE, RunRow

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Status = Literal["running", "paused", "waiting", "completed", "failed", "cancelled", "lost"]


class Start(BaseModel):
    """What to run."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str = Field(description="Name of the pipeline.", examples=["release_notes"])
    inputs: dict[str, Any] = Field(default_factory=dict, description="Values by name.", examples=[{"release": 118}])


class Run(BaseModel):
    """One run."""

    id: str = Field(examples=["019abe3c-7c1e-7d13-8a4e-5f0c6b1f2a90"])
    pipeline: str = Field(examples=["release_notes"])
    kind: Literal["yaml", "python"]
    status: Status
    pending: Command | None = Field(description="What was asked for and has not taken effect yet.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    current_step: str | None = Field(examples=["draft"])
    steps_done: int | None
    steps_total: int | None
    error: str | None
    trace_id: str = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    inputs: dict[str, Any]
    output: Any = Field(description="What a completed run returned: the result of its last step.")
    actions: list[Command] = Field(description="What can be asked for now.")


class RunList(BaseModel):
    """Runs, newest first."""

    runs: list[Run]


@router.post("", status_code=202, responses=documented(404, 409, 422))
async def start_run(start: Annotated[Start, Body()], runner: Runner) -> Run:
    """Start a run of a pipeline."""
    entry = await find(runner.catalogue, start.pipeline)
    require_runnable(entry)
    values, problems = check(entry.pipeline.inputs, start.inputs)
    if problems:
        detail = "; ".join(f"input '{each.input}': {each.message}" for each in problems)
        raise ProblemError(422, "The inputs do not fit", detail, [vars(each) for each in problems])
    return of_row(await runner.engine.start(entry.pipeline, entry.source, values))


@router.get("", responses=documented(422))
async def list_runs(
    runner: Runner,
    status: Annotated[Literal["active", "all"], Query(description="Which runs.")] = "all",
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
) -> RunList:
    """List runs, newest first: of pipelines, and of programs that report theirs."""
    active = status == "active"
    runs = [of_row(row) for row in await runner.engine.list(limit, active=active)]
    runs += [run for run in map(of_report, runner.heartbeats.runs()) if not active or run.status in ACTIVE]
    runs.sort(key=lambda run: run.created_at, reverse=True)
    return RunList(runs=runs[:limit])


@router.get("/{run_id}", responses=documented(404))
async def get_run(run_id: str, runner: Runner) -> Run:
    """Read one run."""
    reported = runner.heartbeats.find(run_id)
    return of_report(reported) if reported is not None else of_row(await runner.engine.get(run_id))


@router.post("/{run_id}/pause", status_code=202, responses=documented(404, 409))
async def pause_run(run_id: str, runner: Runner) -> Run:
    """Pause at the next step boundary; until then the run is ``running`` with ``pending`` = ``pause``."""
    return await _steer(runner, run_id, "pause")


@router.post("/{run_id}/resume", status_code=202, responses=documented(404, 409))
async def resume_run(run_id: str, runner: Runner) -> Run:
    """Go on with a paused run, or take back a pause that has not taken effect yet."""
    return await _steer(runner, run_id, "resume")


@router.post("/{run_id}/cancel", status_code=202, responses=documented(404, 409))
async def cancel_run(run_id: str, runner: Runner) -> Run:
    """End a run now; a model call that is under way is broken off."""
    return await _steer(runner, run_id, "cancel")


async def _steer(runner: Parts, run_id: str, command: Command) -> Run:
    if runner.heartbeats.find(run_id) is not None:
        return of_report(runner.heartbeats.command(run_id, command))
    steer = {"pause": runner.engine.pause, "resume": runner.engine.resume, "cancel": runner.engine.cancel}[command]
    return of_row(await steer(run_id))


def of_row(row: RunRow) -> Run:
    """A run of a pipeline."""
    return Run.model_validate(
        {
            "id": row.id,
            "pipeline": row.pipeline,
            "kind": "yaml",
            "status": row.status,
            "pending": row.pending or None,
            "created_at": _time(row.created_ns),
            "started_at": _time(row.started_ns),
            "completed_at": _time(row.completed_ns),
            "current_step": row.current_step or None,
            "steps_done": row.steps_done,
            "steps_total": row.steps_total,
            "error": row.error or None,
            "trace_id": f"{announce.identity(row).trace_id:032x}",
            "inputs": row.inputs,
            "output": row.output,
            "actions": actions(row),
        }
    )


def of_report(run: PythonRun) -> Run:
    """A run that a program reports."""
    report = run.report
    return Run(
        id=report.id,
        pipeline=report.pipeline,
        kind="python",
        status=report.status,  # type: ignore[arg-type]  # the heartbeat route takes only words of this vocabulary
        pending=run.command,
        created_at=report.started_at,
        started_at=report.started_at,
        completed_at=run.ended_at,
        current_step=report.current_step,
        steps_done=None,
        steps_total=None,
        error=None,
        trace_id=report.trace_id,
        inputs={},
        output=None,
        actions=list(heartbeats.actions(run)),
    )


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
