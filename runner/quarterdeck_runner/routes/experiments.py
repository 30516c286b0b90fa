"""Experiments: variants of a prompt against each other."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from quarterdeck_runner import batch_rows
from quarterdeck_runner.batch_store import Arm, Batch
from quarterdeck_runner.experiments import METRICS, ArmResult, Comparison, Results, Variant, cells, source_of
from quarterdeck_runner.inputs import type_of
from quarterdeck_runner.models import choose
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.routes.batch_models import BatchModel, Concurrency, CostLimit, Rows, of_batch
from quarterdeck_runner.routes.batches import refuse_rows, require_prices
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.scores import Judge, Score
from quarterdeck_runner.validate import validate

router = APIRouter(prefix="/v1/experiments", tags=["experiments"])

Metric = Literal["score", "cost_usd", "latency_seconds", "input_tokens", "output_tokens"]


class VariantModel(BaseModel):
    """One way to ask."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, examples=["short"])
    prompt: str = Field(min_length=1, examples=["In one sentence: what is {{ inputs.topic }}?"])
    system: str = ""


class StartExperiment(Rows):
    """What to compare, over which inputs."""

    name: str = Field(min_length=1, max_length=200, examples=["tone of answers"])
    variants: list[VariantModel] = Field(min_length=1, max_length=50)
    models: list[str] = Field(min_length=1, max_length=20, examples=[["haiku", "gemini-3.8-flash"]])
    repeat: int = Field(1, ge=1, le=100, description="How often every variant is asked with every input.")
    score: Score | None = Field(None, description="How answers are judged.")
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    concurrency: Concurrency = 10
    max_cost_usd: CostLimit | None = None

    @model_validator(mode="after")
    def _unique(self) -> "StartExperiment":
        for what, names in (("variants", [each.name for each in self.variants]), ("models", self.models)):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} have the same name")
        return self


class IntervalModel(BaseModel):
    """A mean with its 95 % confidence interval (Student's t)."""

    model_config = ConfigDict(from_attributes=True)

    count: int
    mean: float
    low: float | None = Field(description="Null for fewer than two values.")
    high: float | None
    p_value: float | None = Field(description="How likely so large a mean would be by chance, if the true one were 0.")


class ArmModel(BaseModel):
    """How one variant did with one model; means over inputs, of completed items."""

    variant: str
    model: str
    items: int
    completed: int
    failed: int
    score: IntervalModel | None
    cost_usd: IntervalModel | None
    latency_seconds: IntervalModel | None
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    input_tokens: IntervalModel | None
    output_tokens: IntervalModel | None


class ComparisonModel(BaseModel):
    """One arm minus the baseline, paired by input."""

    variant: str
    model: str
    metric: Metric
    difference: IntervalModel | None = Field(description="Null where no input was done by both.")
    unpaired: int = Field(description="Inputs that only one of the two has done; they are left out.")


class ExperimentModel(BaseModel):
    """An experiment and what it has shown so far."""

    batch: BatchModel = Field(description="Its progress; pause, stop, resume and rerun it as a batch of this id.")
    baseline_variant: str
    baseline_model: str
    arms: list[ArmModel]
    comparisons: list[ComparisonModel]
    note: str = Field(description="How to read the intervals.")


@router.post("", status_code=202, responses=documented(422))
async def start_experiment(start: Annotated[StartExperiment, Body()], runner: Runner) -> ExperimentModel:
    """Start an experiment; everything is checked before the first call. Its items are those of the batch of its id."""
    content, form = start.content
    rows, problems = await asyncio.to_thread(batch_rows.raw, content, form, None)
    refuse_rows([*problems, *_gaps(rows)])
    arms = await asyncio.to_thread(_arms, start, rows, runner)
    count = len(rows) * len(arms) * start.repeat
    if count > batch_rows.MAX_ROWS:
        detail = f"{len(rows)} inputs, {len(arms)} arms and {start.repeat} repetitions make {count} items"
        raise ProblemError(422, "The experiment is too large", f"{detail}; there may be {batch_rows.MAX_ROWS}")
    batch = await runner.batches.start(
        start.name,
        arms,
        cells([(row.line, row.inputs) for row in rows], arms, start.repeat),
        kind="experiment",
        concurrency=start.concurrency,
        max_cost_usd=start.max_cost_usd,
        spec={"score": start.score.model_dump(by_alias=True) if start.score is not None else None},
    )
    return await _experiment(runner, batch, arms, 0)


@router.get("/{experiment_id}", responses=documented(404, 422))
async def get_experiment(
    experiment_id: str,
    runner: Runner,
    baseline_variant: Annotated[str | None, Query(description="By default the first variant.")] = None,
    baseline_model: Annotated[str | None, Query(description="By default the first model.")] = None,
) -> ExperimentModel:
    """Read the results: each arm by itself, and against the baseline."""
    batch = await runner.batches.get(experiment_id)
    if batch.kind != "experiment":
        raise ProblemError(404, "Experiment not found", f"'{experiment_id}' is a plain batch: see /v1/batches")
    arms = await runner.batches.arms(experiment_id)
    wanted = (baseline_variant or arms[0].variant, baseline_model or arms[0].model)
    found = next((number for number, arm in enumerate(arms) if (arm.variant, arm.model) == wanted), None)
    if found is None:
        there = ", ".join(f"'{arm.variant}' with '{arm.model}'" for arm in arms)
        detail = f"there is no variant '{wanted[0]}' with model '{wanted[1]}'; there is {there}"
        raise ProblemError(422, "The baseline is not known", detail)
    return await _experiment(runner, batch, arms, found)


def _gaps(rows: Sequence[batch_rows.Row]) -> list[batch_rows.RowProblem]:
    """Rows that leave out what others give."""
    names = list(dict.fromkeys(name for row in rows for name in row.inputs))
    if not rows:
        return [batch_rows.RowProblem(1, "", "there are no rows: give at least one")]
    return [
        batch_rows.RowProblem(row.line, name, "has no value, but other rows have one")
        for row in rows
        for name in names
        if row.inputs.get(name) is None
    ]


def _arms(start: StartExperiment, rows: Sequence[batch_rows.Row], runner: Parts) -> list[Arm]:
    kinds = {name: type_of(value) for name, value in rows[0].inputs.items()}
    judge = start.score.model_dump() if isinstance(start.score, Judge) else None
    file = (runner.catalogue.folder / "experiment.yaml").resolve()
    arms = []
    for given in start.variants:
        for model in start.models:
            variant = Variant(given.name, given.prompt, given.system)
            name = f"{start.name} / {given.name} / {model}"
            source = source_of(name, variant, model, kinds, max_output_tokens=start.max_output_tokens, judge=judge)
            read = validate(source, file, shown_as=f"variant '{given.name}'")
            # An unknown name in a template only warns in a file; here it would spoil what is compared.
            wrong = [
                each.message for each in read.diagnostics if each.severity == "error" or "stays as" in each.message
            ]
            if wrong:
                raise ProblemError(422, "A variant has errors", f"variant '{given.name}': {'; '.join(wrong)}")
            if start.max_cost_usd is not None:
                require_prices(runner, read.pipeline)
            arms.append(Arm(given.name, choose(model).name, str(file), source))
    return arms


async def _experiment(runner: Parts, batch: Batch, arms: Sequence[Arm], baseline: int) -> ExperimentModel:
    results = await asyncio.to_thread(lambda: Results(len(arms), runner.batches.every_item(batch.id)))
    others = [number for number in range(len(arms)) if number != baseline]
    comparisons = [each for number in others for each in results.compare(number, baseline)]
    return ExperimentModel(
        batch=await of_batch(runner, batch),
        baseline_variant=arms[baseline].variant,
        baseline_model=arms[baseline].model,
        arms=[_arm(arms[number], results.arm(number)) for number in range(len(arms))],
        comparisons=[_comparison(arms[each.arm], each) for each in comparisons],
        note=_note(len(comparisons)),
    )


def _arm(arm: Arm, result: ArmResult) -> ArmModel:
    means = {name: _interval(result.means[name]) for name in METRICS}
    return ArmModel.model_validate(
        {
            "variant": arm.variant,
            "model": arm.model,
            "items": result.items,
            "completed": result.completed,
            "failed": result.failed,
            "latency_p50_seconds": result.latency_p50,
            "latency_p95_seconds": result.latency_p95,
            **means,
        }
    )


def _comparison(arm: Arm, found: Comparison) -> ComparisonModel:
    return ComparisonModel.model_validate(
        {
            "variant": arm.variant,
            "model": arm.model,
            "metric": found.metric,
            "difference": _interval(found.difference),
            "unpaired": found.unpaired,
        }
    )


def _interval(found: Any) -> IntervalModel | None:
    return IntervalModel.model_validate(found) if found is not None else None


def _note(comparisons: int) -> str:
    if not comparisons:
        return "there is nothing to compare: give a second variant or model"
    return (
        f"each interval holds by itself in 95 of 100 cases; of {comparisons} comparisons about "
        f"{comparisons * 0.05:.1f} would seem different by chance alone"
    )
