"""Dry runs: what a run would ask, use and cost."""

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from quarterdeck_runner.overrides import Override
from quarterdeck_runner.prediction import total
from quarterdeck_runner.problems import documented
from quarterdeck_runner.rendering import RenderedStep, rendered_steps
from quarterdeck_runner.routes.prompts import PredictionModel, StepModel, prediction_of, step_of
from quarterdeck_runner.routes.runs import Start, asked_for
from quarterdeck_runner.routes.state import Runner

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class DryRun(BaseModel):
    """What a run would do."""

    pipeline: str
    steps: list[StepModel] = Field(description="Every step with its prompts.")
    calls: list[PredictionModel] = Field(description="What each model call would use and cost.")
    input_tokens: int = Field(description="Of all prompts, as far as they are known.")
    cost_usd: float | None = Field(description="Of all calls; null where that of one is not known.")
    max_cost_usd: float | None = Field(description="If every answer is as long as it can be.")
    not_told: list[str] = Field(description="Steps whose inside shows only when they run: loops, code, nested ones.")


@router.post("/dry-run", responses=documented(404, 409, 422))
async def dry_run(start: Annotated[Start, Body()], runner: Runner) -> DryRun:
    """Render the prompts of a run and predict its tokens and its cost; nobody is asked and nothing is written."""
    wanted = await asked_for(start, runner)
    pipeline = wanted.entry.pipeline
    rendered = await asyncio.to_thread(rendered_steps, pipeline, wanted.inputs, {}, wanted.options.env)
    override = Override(wanted.options)
    steps = [_redirected(step, override) for step in rendered]
    calls = [await prediction_of(step.name, call, runner, ask=False) for step in steps for call in step.calls]
    inside = [step.name for step in pipeline.steps if step.body or step.type == "pipeline"]
    return DryRun(
        pipeline=pipeline.name,
        steps=[step_of(step) for step in steps],
        calls=calls,
        input_tokens=sum(call.input.tokens for call in calls),
        cost_usd=total([call.cost_usd for call in calls]),
        max_cost_usd=total([call.max_cost_usd for call in calls]),
        not_told=inside if wanted.entry.kind == "yaml" else [pipeline.name],
    )


def _redirected(step: RenderedStep, override: Override) -> RenderedStep:
    calls = tuple(replace(each, call=override.redirected(each.call)) for each in step.calls)
    return replace(step, calls=calls)
