"""Reports of decorated programs."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from quarterdeck_runner.heartbeats import Command, Report
from quarterdeck_runner.problems import documented
from quarterdeck_runner.routes.state import Runner

router = APIRouter(prefix="/v1/heartbeats", tags=["heartbeats"])


class ReportedRun(BaseModel):
    """One run of a program."""

    id: str = Field(min_length=1, max_length=128)
    pipeline: str = Field(max_length=1000, examples=["digest"])
    status: Literal["running", "paused", "waiting", "completed", "failed", "cancelled"]
    trace_id: str = Field(pattern="^[0-9a-f]{32}$", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    current_step: str | None = None
    started_at: AwareDatetime | None = None


class Beat(BaseModel):
    """All runs of a program that are open, or have just ended."""

    service: str = Field(max_length=1000, examples=["nightly-digest"])
    runs: list[ReportedRun] = Field(max_length=10_000)


class Commands(BaseModel):
    """What the program shall do."""

    commands: dict[str, Command] = Field(examples=[{"019abe3c-7c1e-7d13-8a4e-5f0c6b1f2a90": "pause"}])


@router.post("", responses=documented(422))
async def beat(beat: Beat, runner: Runner) -> Commands:
    """Report the runs of a program, once a second; the reply may carry commands."""
    now = datetime.now(UTC)
    reports = [
        Report(run.id, run.pipeline, run.status, run.trace_id, run.current_step, run.started_at or now)
        for run in beat.runs
    ]
    return Commands(commands=runner.heartbeats.beat(beat.service, reports))
