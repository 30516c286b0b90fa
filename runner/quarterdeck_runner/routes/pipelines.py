"""The catalogue of pipelines."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from quarterdeck_runner.catalogue import Catalogue, Entry
from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.json_inputs import schema_of
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.routes.state import Runner

router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"])


class Input(BaseModel):
    """One input of a pipeline."""

    name: str = Field(examples=["topic"])
    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    default: Any = Field(examples=["tides"])
    required: bool
    description: str


class StepSummary(BaseModel):
    """One step of a pipeline."""

    name: str = Field(examples=["draft"])
    type: str = Field(examples=["claude"])
    model: str | None = Field(examples=["claude-sonnet-5-5"])


class DiagnosticModel(BaseModel):
    """One problem of a pipeline file."""

    severity: Literal["error", "warning"]
    file: str = Field(examples=["release_notes.yaml"])
    line: int = Field(examples=[12])
    column: int = Field(examples=[7])
    message: str


class PipelineModel(BaseModel):
    """One pipeline of the folder, or of a Python module."""

    name: str = Field(examples=["release_notes"])
    kind: Literal["yaml", "python"]
    description: str
    version: str
    file: str = Field(examples=["release_notes.yaml"])
    inputs: list[Input]
    input_schema: dict[str, Any] = Field(description="JSON Schema of the inputs.")
    steps: list[StepSummary]
    diagnostics: list[DiagnosticModel]
    runnable: bool = Field(description="Whether there is no error.")


class PipelineList(BaseModel):
    """The catalogue."""

    pipelines: list[PipelineModel]
    hint: str = Field(description="What to do when the list is empty; else empty.")


@router.get("")
async def list_pipelines(runner: Runner) -> PipelineList:
    """List the pipelines of the folder, broken files included."""
    entries = await asyncio.to_thread(runner.catalogue.entries)
    return PipelineList(pipelines=[_model(entry) for entry in entries], hint=runner.catalogue.hint)


@router.get("/{name:path}", responses=documented(404))
async def get_pipeline(name: str, runner: Runner) -> PipelineModel:
    """Read one pipeline of the folder."""
    return _model(await find(runner.catalogue, name))


async def find(catalogue: Catalogue, name: str) -> Entry:
    """A pipeline by its name.

    Raises:
        ProblemError: there is none.
    """
    entry = await asyncio.to_thread(catalogue.find, name)
    if entry is None:
        names = [each.pipeline.name for each in catalogue.entries()]
        hint = nearest(name, names) or (f"; there are {', '.join(names)}" if names else f"; {catalogue.hint}")
        raise ProblemError(404, "Pipeline not found", f"there is no pipeline '{name}'{hint}")
    return entry


def require_runnable(entry: Entry) -> None:
    """Refuse a pipeline that has errors.

    Raises:
        ProblemError: it has.
    """
    errors = [each for each in entry.diagnostics if each.severity == "error"]
    if errors:
        detail = "; ".join(str(each) for each in errors)
        raise ProblemError(409, "The pipeline has errors", detail, [vars(each) for each in errors])


def _model(entry: Entry) -> PipelineModel:
    pipeline = entry.pipeline
    return PipelineModel(
        name=pipeline.name,
        kind=entry.kind,  # type: ignore[arg-type]  # the catalogue knows these two
        input_schema=schema_of(pipeline, entry.kind),
        description=pipeline.description,
        version=pipeline.version,
        file=pipeline.file.name,
        inputs=[
            Input.model_validate(
                {
                    "name": each.name,
                    "type": each.type,
                    "default": each.default,
                    "required": each.required,
                    "description": each.description,
                }
            )
            for each in pipeline.inputs
        ],
        steps=[StepSummary(name=step.name, type=step.type, model=step.model) for step in pipeline.steps],
        diagnostics=[DiagnosticModel(**vars(each)) for each in entry.diagnostics],
        runnable=entry.runnable,
    )
