"""The language of pipeline files, for editors: what may stand where, and one layout for all."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from quarterdeck_runner import schema
from quarterdeck_runner.expressions import FUNCTIONS
from quarterdeck_runner.formatting import FormatError, formatted
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.references import LOOP_WORDS, RUN_WORDS, STATE_ROOTS, WORKFLOW_FIELDS
from quarterdeck_runner.routes.known_models import KnownModel, list_models
from quarterdeck_runner.routes.pipelines import Source

router = APIRouter(prefix="/v1/language", tags=["pipelines"])


class Language(BaseModel):
    """What an editor completes with."""

    json_schema: dict[str, Any] = Field(description="JSON Schema of pipeline files.", examples=[{"anyOf": []}])
    models: list[KnownModel] = Field(description="As `/v1/models` lists them.")
    functions: list[str] = Field(description="Functions of expressions.", examples=[["length"]])
    fields: dict[str, list[str]] = Field(
        description="What stands behind the first words of expressions; empty where the pipeline says it.",
        examples=[{"loop": ["index"], "inputs": []}],
    )


class Formatted(BaseModel):
    """The text of a pipeline file."""

    source: str


@router.get("")
async def describe_language() -> Language:
    """Tell what may stand where in a pipeline file."""
    return await asyncio.to_thread(_language)


@router.post("/format", responses=documented(422))
async def format_pipeline(text: Annotated[Source, Body()]) -> Formatted:
    """Lay out the text of a pipeline file; comments and quotes stay, and nothing is saved."""
    try:
        return Formatted(source=await asyncio.to_thread(formatted, text.source))
    except FormatError as error:
        raise ProblemError(
            422, "The text cannot be laid out", str(error), [vars(each) for each in error.diagnostics]
        ) from error


def _language() -> Language:
    return Language(
        json_schema=schema.build(),
        models=list_models().models,
        functions=sorted(FUNCTIONS),
        fields={
            **{root: [] for root in ("steps", "inputs", "env", *STATE_ROOTS, *RUN_WORDS)},
            "workflow": list(WORKFLOW_FIELDS),
            "loop": list(LOOP_WORDS),
        },
    )
