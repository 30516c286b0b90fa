"""Runs: start, list, steer."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from quarterdeck_runner import announce, heartbeats, json_inputs, overrides, paging, request_store
from quarterdeck_runner.catalogue import Entry
from quarterdeck_runner.continuing import EditError
from quarterdeck_runner.engine import UnknownRunError, actions
from quarterdeck_runner.heartbeats import Command, PythonRun
from quarterdeck_runner.inputs import InputProblem, check
from quarterdeck_runner.keys import PROFILE, NoKeyError
from quarterdeck_runner.models import Provider
from quarterdeck_runner.options import NORMAL_PRIORITY, Options, env_problems
from quarterdeck_runner.paging import Cursor
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.routes.pipelines import find, require_runnable
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.store import ACTIVE, NOW, Position, RunRow

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Action = Literal["pause", "resume", "cancel", "retry", "replay"]
Status = Literal["running", "paused", "waiting", "completed", "failed", "cancelled", "lost"]


class Start(BaseModel):
    """What to run."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str = Field(description="Name of the pipeline.", examples=["release_notes"])
    inputs: dict[str, Any] = Field(default_factory=dict, description="Values by name.", examples=[{"release": 118}])
    env: dict[str, str] = Field(
        default_factory=dict, description="Variables of the environment of this run.", examples=[{"REGION": "eu"}]
    )
    provider: Provider | None = Field(None, description="Who answers every model call, whomever the steps name.")
    model: str = Field("", max_length=200, description="Which model answers every call.", examples=["claude-haiku-5-5"])
    keys: dict[Provider, Annotated[str, Field(pattern=PROFILE)]] = Field(
        default_factory=dict,
        description="Which of the runner's keys is used, by provider: the name of its profile, never a key.",
        examples=[{"claude": "team-a"}],
    )
    priority: int = Field(NORMAL_PRIORITY, ge=0, le=9, description="Runs of higher priority leave the queue first.")


class Retry(BaseModel):
    """How to start a failed run again."""

    model_config = ConfigDict(extra="forbid")

    priority: int | None = Field(None, ge=0, le=9, description="Of the new run; that of the old one by default.")


class Replay(Retry):
    """What to do anew, and what differently."""

    from_step: str = Field("", description="First step that is done anew; by default the first that changed.")
    steps: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="New values of keys by step, such as its `prompt` or `model`; null takes a key away.",
        examples=[{"draft": {"prompt": "Write it in two sentences: {{ inputs.topic }}"}}],
    )


class Origin(BaseModel):
    """The run whose results another one uses again."""

    run: str
    relation: Literal["retry", "replay"]
    from_step: str | None = Field(description="First step that was done anew.")


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
    actions: list[Action] = Field(description="What can be asked for now.")
    priority: int | None = None
    env: dict[str, str] = {}
    provider: Provider | None = None
    model: str | None = None
    keys: dict[Provider, str] = Field({}, description="Profiles of the keys that are used, where not the usual ones.")
    origin: Origin | None = None
    hint: str | None = Field(None, description="Why the run stands still and what to do, where that needs saying.")


class RunList(BaseModel):
    """Runs, newest first."""

    runs: list[Run]
    next_cursor: str | None = Field(description=paging.NEXT)


@router.post("", status_code=202, responses=documented(404, 409, 422))
async def start_run(start: Annotated[Start, Body()], runner: Runner) -> Run:
    """Start a run of a pipeline."""
    wanted = await asked_for(start, runner)
    if made := await _made_before(runner):
        return made
    new_id, entry = request_store.reserved(), wanted.entry
    row = await runner.engine.start(entry.pipeline, entry.source, wanted.inputs, wanted.options, new_id=new_id)
    return of_row(row)


@dataclass(frozen=True)
class Wanted:
    """A run that can be started."""

    entry: Entry
    inputs: dict[str, Any]
    options: Options


async def asked_for(start: Start, runner: Parts) -> Wanted:
    """What somebody wants to start.

    Raises:
        ProblemError: it cannot be started.
    """
    entry = await find(runner.catalogue, start.pipeline)
    require_runnable(entry)
    values, problems = _checked(entry, start.inputs)
    if problems:
        detail = "; ".join(f"input '{each.input}': {each.message}" for each in problems)
        raise ProblemError(422, "The inputs do not fit", detail, [vars(each) for each in problems])
    if start.keys and entry.kind == "python":
        detail = f"'{entry.pipeline.name}' is a Python pipeline, whose own clients hold their keys: leave `keys` out"
        raise ProblemError(422, "A key cannot be chosen", detail)
    return Wanted(entry, values, await _options(start, runner))


async def _made_before(runner: Parts) -> Run | None:
    """The run of this very request, if a crash of the runner cut off its first attempt after it was made."""
    claim = request_store.claim()
    if claim is None or not claim.again:
        return None
    with contextlib.suppress(UnknownRunError):
        return of_row(await runner.engine.get(claim.reserved))
    return None


def _checked(entry: Entry, given: dict[str, Any]) -> tuple[dict[str, Any], list[InputProblem]]:
    if entry.kind == "python":
        return json_inputs.check(json_inputs.schema_of(entry.pipeline, entry.kind), given)
    return check(entry.pipeline.inputs, given)


async def _options(start: Start, runner: Parts) -> Options:
    options = Options(
        env=start.env, provider=start.provider, model=start.model, priority=start.priority, keys=start.keys
    )
    for provider, profile in start.keys.items():
        try:
            await asyncio.to_thread(runner.keys.credential, provider, profile)
        except NoKeyError as error:
            raise ProblemError(422, "There is no such key", str(error)) from None
    problems = env_problems(options.env)
    if problems:
        detail = "; ".join(f"variable '{each['variable']}' {each['message']}" for each in problems)
        raise ProblemError(422, "Variables cannot be set for a run", detail, problems)
    try:
        overrides.check(options)
    except overrides.OverrideError as error:
        raise ProblemError(422, "Provider and model do not fit", str(error)) from error
    return options


@router.get("", responses=documented(422))
async def list_runs(
    runner: Runner,
    status: Annotated[Literal["active", "all"], Query(description="Which runs.")] = "all",
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    cursor: Cursor = None,
) -> RunList:
    """List runs, newest first: of pipelines, and of programs that report theirs."""
    active, position = status == "active", paging.decode(cursor, int, str)
    before: Position = (position[0], position[1]) if position else NOW
    rows = await runner.engine.list(limit + 1, active=active, before=before)
    found = [((row.created_ns, row.id), of_row(row)) for row in rows]
    reported = [(_position(run), of_report(run)) for run in runner.heartbeats.runs()]
    found += [(at, run) for at, run in reported if at < before and (not active or run.status in ACTIVE)]
    found.sort(key=lambda each: each[0], reverse=True)
    following = paging.encode(*found[limit - 1][0]) if len(found) > limit else None
    return RunList(runs=[run for _, run in found[:limit]], next_cursor=following)


def _position(run: PythonRun) -> Position:
    return round(run.report.started_at.timestamp() * 1e6) * 1000, run.report.id


@router.get("/{run_id}", responses=documented(404))
async def get_run(run_id: str, runner: Runner) -> Run:
    """Read one run."""
    reported = runner.heartbeats.find(run_id)
    if reported is not None:
        return of_report(reported)
    row = await runner.engine.get(run_id)
    return of_row(row, await runner.engine.hint(row))


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


@router.post("/{run_id}/retry", status_code=202, responses=documented(404, 409, 422))
async def retry_run(run_id: str, runner: Runner, retry: Annotated[Retry | None, Body()] = None) -> Run:
    """Start a failed or cancelled run anew from where it stopped, as a new run that uses the earlier results again."""
    _only_ours(runner, run_id, "retry")
    if made := await _made_before(runner):
        return made
    priority = retry.priority if retry else None
    return of_row(await runner.engine.retry(run_id, priority, new_id=request_store.reserved()))


@router.post("/{run_id}/replay", status_code=202, responses=documented(404, 409, 422))
async def replay_run(run_id: str, replay: Annotated[Replay, Body()], runner: Runner) -> Run:
    """Start a run that is over anew from any step, with changed steps, as a new run; earlier results are used again."""
    _only_ours(runner, run_id, "replay")
    try:
        if made := await _made_before(runner):
            return made
        new_id = request_store.reserved()
        row = await runner.engine.replay(run_id, replay.from_step, replay.steps, replay.priority, new_id=new_id)
        return of_row(row)
    except EditError as error:
        raise ProblemError(422, "The run cannot be replayed like this", str(error), error.errors) from error


def _only_ours(runner: Parts, run_id: str, action: str) -> None:
    reported = runner.heartbeats.find(run_id)
    if reported is not None:
        name = reported.service
        raise ProblemError(409, "The run is not the runner's", f"the program '{name}' runs it: {action} it there")


async def _steer(runner: Parts, run_id: str, command: Command) -> Run:
    if runner.heartbeats.find(run_id) is not None:
        return of_report(runner.heartbeats.command(run_id, command))
    steer = {"pause": runner.engine.pause, "resume": runner.engine.resume, "cancel": runner.engine.cancel}[command]
    return of_row(await steer(run_id))


def of_row(row: RunRow, hint: str = "") -> Run:
    """A run of a pipeline."""
    options = row.options
    return Run.model_validate(
        {
            "id": row.id,
            "pipeline": row.pipeline,
            "kind": row.kind,
            "status": row.status,
            "pending": row.pending or None,
            "created_at": _time(row.created_ns),
            "started_at": _time(row.started_ns),
            "completed_at": _time(row.completed_ns),
            "current_step": row.current_step or None,
            "steps_done": row.steps_done if row.steps_total else None,
            "steps_total": row.steps_total or None,
            "error": row.error or None,
            "trace_id": f"{announce.identity(row).trace_id:032x}",
            "inputs": row.inputs,
            "output": row.output,
            "actions": actions(row),
            "priority": options.priority,
            "env": options.env,
            "provider": options.provider,
            "model": options.model or None,
            "keys": options.keys,
            "origin": _origin(options),
            "hint": hint or None,
        }
    )


def _origin(options: Options) -> Origin | None:
    if not options.origin:
        return None
    return Origin.model_validate(
        {"run": options.origin, "relation": options.relation, "from_step": options.from_step or None}
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
        keys={},
        hint=None,
    )


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
