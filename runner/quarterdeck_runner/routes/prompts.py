"""Prompts: what they will be, and what they will use and cost."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, model_validator

from quarterdeck_runner.batch_rows import unfit
from quarterdeck_runner.definitions import parsed
from quarterdeck_runner.experiments import Variant, source_of
from quarterdeck_runner.inputs import check, type_of
from quarterdeck_runner.prediction import total
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.rendering import RenderedCall, RenderedStep, rendered_steps
from quarterdeck_runner.routes.pipelines import find, require_runnable
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.spec import Pipeline

router = APIRouter(prefix="/v1/prompts", tags=["prompts"])


class Render(BaseModel):
    """A pipeline's prompts, or one that is written here."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str | None = Field(None, description="Name of the pipeline.", examples=["haiku"])
    prompt: str | None = Field(None, description="Instead of a pipeline: a prompt with templates of inputs.")
    system: str = Field("", description="System prompt of `prompt`.")
    model: str = Field("sonnet", min_length=1, max_length=200, description="Whom `prompt` asks.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Values by name.", examples=[{"topic": "rain"}])
    results: dict[str, Any] = Field(
        default_factory=dict, description="Answers of steps, where known; a placeholder stands for the others."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Render":
        if (self.pipeline is None) == (self.prompt is None):
            raise ValueError("give `pipeline` or `prompt`, one of the two")
        for name, value in (("inputs", self.inputs), ("results", self.results)):
            if wrong := unfit(value):
                raise ValueError(f"`{name}` {wrong}")
        return self


class Predict(Render):
    """A pipeline's prompts, or one that is written here."""

    ask_providers: bool = Field(default=True, description="Whether providers may count tokens; that costs nothing.")


class PartModel(BaseModel):
    """A stretch of a prompt."""

    kind: str = Field(description="`static`, `variable`, `file` or `previous_response`.", examples=["variable"])
    source: str = Field(description="Line, expression, path or step that it comes from.", examples=["inputs.topic"])
    start: int = Field(description="Its first character, counted from 0.")
    end: int = Field(description="The character after its last one.")
    text: str


class CallModel(BaseModel):
    """One model call."""

    task: str | None = Field(description="Branch of a parallel step.")
    provider: Literal["claude", "gemini"]
    model: str
    system: str
    prompt: str
    parts: list[PartModel]
    problems: list[str] = Field(description="What is wrong or left open.")
    waits_for: list[str] = Field(description="Steps for whose answer a placeholder stands.")


class StepModel(BaseModel):
    """One step."""

    step: str
    type: str
    skipped: bool = Field(description="Whether its condition does not hold, as far as can be told.")
    calls: list[CallModel]


class Rendered(BaseModel):
    """All steps, in order."""

    steps: list[StepModel]


class EstimateModel(BaseModel):
    """A predicted number of tokens."""

    model_config = ConfigDict(from_attributes=True)

    tokens: int
    method: Literal["counted", "learnt", "assumed"] = Field(
        description="Counted by the provider, learnt from earlier calls of the model, or assumed."
    )
    samples: int = Field(description="How many earlier calls it was learnt from.")
    error: float | None = Field(
        description="What nine of ten such predictions of earlier calls were off by at most: 0.1 is ten per cent."
    )
    note: str


class PredictionModel(BaseModel):
    """What one call will use and cost."""

    step: str
    task: str | None
    provider: Literal["claude", "gemini"]
    model: str
    characters: int = Field(description="Of prompt and system prompt.")
    waits_for: list[str] = Field(description="Steps whose answer is not known: its length is missing.")
    input: EstimateModel
    output: EstimateModel | None = Field(description="Null before the first answer of that model.")
    max_output_tokens: int
    cost_usd: float | None = Field(description="Null where the price or the length of the answer is not known.")
    max_cost_usd: float | None = Field(description="If the answer is as long as it can be.")


class Predicted(BaseModel):
    """What all calls will use and cost."""

    calls: list[PredictionModel]
    cost_usd: float | None = Field(description="Of all calls; null where that of one is not known.")
    max_cost_usd: float | None


@router.post("/render", responses=documented(404, 409, 422))
async def render_prompts(render: Annotated[Render, Body()], runner: Runner) -> Rendered:
    """Render every prompt and say which part gave which characters; nobody is asked."""
    return Rendered(steps=[step_of(step) for step in await _rendered(render, runner)])


@router.post("/predict", responses=documented(404, 409, 422))
async def predict_prompts(predict: Annotated[Predict, Body()], runner: Runner) -> Predicted:
    """Predict the tokens and the cost of every call."""
    steps = await _rendered(predict, runner)
    waiting = [
        prediction_of(step.name, call, runner, ask=predict.ask_providers) for step in steps for call in step.calls
    ]
    calls = await asyncio.gather(*waiting)
    return Predicted(
        calls=calls,
        cost_usd=total([call.cost_usd for call in calls]),
        max_cost_usd=total([call.max_cost_usd for call in calls]),
    )


async def _rendered(render: Render, runner: Parts) -> list[RenderedStep]:
    pipeline, inputs = await _pipeline(render, runner)
    return await asyncio.to_thread(rendered_steps, pipeline, inputs, render.results)


async def _pipeline(render: Render, runner: Parts) -> tuple[Pipeline, dict[str, Any]]:
    if render.prompt is not None:
        kinds = {name: type_of(value) for name, value in render.inputs.items()}
        source = source_of("prompt", Variant("prompt", render.prompt, render.system), render.model, kinds)
        return await asyncio.to_thread(parsed, source, Path(runner.catalogue.folder / "prompt.yaml")), render.inputs
    entry = await find(runner.catalogue, render.pipeline or "")
    require_runnable(entry)
    values, problems = check(entry.pipeline.inputs, render.inputs)
    if problems:
        detail = "; ".join(f"input '{each.input}': {each.message}" for each in problems)
        raise ProblemError(422, "The inputs do not fit", detail, [vars(each) for each in problems])
    return entry.pipeline, values


def step_of(step: RenderedStep) -> StepModel:
    """A step and its prompts."""
    return StepModel(step=step.name, type=step.kind, skipped=step.skipped, calls=[_call(call) for call in step.calls])


def _call(rendered: RenderedCall) -> CallModel:
    call = rendered.call
    spans = getattr(call.prompt, "spans", ())
    return CallModel(
        task=rendered.task or None,
        provider=call.provider,
        model=call.model,
        system=call.system,
        prompt=str(call.prompt),
        parts=[PartModel(start=start, end=end, **part) for start, end, part in spans],
        problems=list(rendered.problems),
        waits_for=list(rendered.waits_for),
    )


async def prediction_of(step: str, rendered: RenderedCall, runner: Parts, *, ask: bool) -> PredictionModel:
    """What a call will use and cost."""
    call = rendered.call
    found = await runner.predictor.predict(call, ask=ask)
    return PredictionModel(
        step=step,
        task=rendered.task or None,
        provider=call.provider,
        model=call.model,
        characters=len(call.prompt) + len(call.system),
        waits_for=list(rendered.waits_for),
        input=EstimateModel.model_validate(found.input),
        output=EstimateModel.model_validate(found.output) if found.output is not None else None,
        max_output_tokens=found.max_output_tokens,
        cost_usd=found.cost,
        max_cost_usd=found.max_cost,
    )
