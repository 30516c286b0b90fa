"""The catalogue of pipelines."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from quarterdeck_runner import paging, pipeline_files
from quarterdeck_runner.catalogue import Catalogue, Entry
from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.json_inputs import schema_of
from quarterdeck_runner.paging import Cursor
from quarterdeck_runner.pipeline_files import ChangedError, TakenError
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.source import MAX_BYTES
from quarterdeck_runner.validate import validate

router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"])

_EXAMPLE = "workflow:\n  name: hello\n  steps:\n    - {name: greet, type: echo, value: hello}\n"


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
    env: dict[str, str] = Field(
        description="Variables of the environment that it declares, and their defaults.", examples=[{"REGION": "eu"}]
    )
    steps: list[StepSummary]
    diagnostics: list[DiagnosticModel]
    runnable: bool = Field(description="Whether there is no error.")


class PipelineList(BaseModel):
    """The catalogue."""

    pipelines: list[PipelineModel]
    hint: str = Field(description="What to do when the list is empty; else empty.", examples=[""])
    next_cursor: str | None = Field(description=paging.NEXT)


class PipelineWithSource(PipelineModel):
    """One pipeline and the text of its file."""

    source: str = Field(examples=[_EXAMPLE])


class Source(BaseModel):
    """The text of a pipeline file."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(examples=[_EXAMPLE])


class Draft(Source):
    """The text of a pipeline file, to be saved."""

    draft: bool = Field(default=False, description="Save it even if it has errors and cannot be run yet.")


IfMatch = Annotated[str | None, Header(description="ETag of what you read: nothing newer is overwritten.")]
IfNoneMatch = Annotated[str | None, Header(description="`*`: only if there is none yet.")]


@router.get("")
async def list_pipelines(
    runner: Runner,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    cursor: Cursor = None,
) -> PipelineList:
    """List the pipelines of the folder, broken files included, by name."""
    after = paging.decode(cursor, str)
    entries = await asyncio.to_thread(runner.catalogue.entries)
    left = [entry for entry in entries if after is None or _position(entry) > after[0]]
    following = paging.encode(_position(left[limit - 1])) if len(left) > limit else None
    return PipelineList(
        pipelines=[_model(entry) for entry in left[:limit]], hint=runner.catalogue.hint, next_cursor=following
    )


@router.post("/validate")
async def validate_pipeline(text: Source, runner: Runner) -> PipelineModel:
    """Say what is in the text of a pipeline file, and everything that is wrong with it; nothing is saved."""
    path = runner.catalogue.folder / "pipeline.yaml"
    return _model(await asyncio.to_thread(_entry, text.source, path))


@router.get("/{name:path}", responses=documented(404))
async def get_pipeline(name: str, runner: Runner, response: Response) -> PipelineWithSource:
    """Read one pipeline of the folder; its ETag is for saving it."""
    entry = await find(runner.catalogue, name)
    return await _with_source(runner, entry, response)


@router.put("/{name:path}", responses={**documented(404, 409, 412, 428), 201: {"model": PipelineWithSource}})
async def save_pipeline(
    name: str,
    draft: Draft,
    runner: Runner,
    response: Response,
    *,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> PipelineWithSource:
    """Save a pipeline: anew with `If-Match`, or a new one into a file named after it."""
    known = await asyncio.to_thread(runner.catalogue.find, name)
    _refuse_python(known)
    folder = runner.catalogue.folder
    path = known.pipeline.file if known is not None else pipeline_files.file_for(folder, name)
    entry = await asyncio.to_thread(_entry, draft.source, path)
    _check_content(entry, name, draft=draft.draft)
    content = draft.source.encode()
    if known is None:
        if if_match is not None:
            raise _changed("there is no such pipeline any more")
        await _written(pipeline_files.create, path, content)
        response.status_code = 201
    else:
        if if_none_match is not None:
            raise _changed("there is a pipeline of this name already")
        await _written(pipeline_files.replace, path, content, _required(if_match))
    return await _with_source(runner, entry, response)


@router.delete("/{name:path}", status_code=204, responses=documented(404, 412, 428))
async def delete_pipeline(name: str, runner: Runner, if_match: IfMatch = None) -> None:
    """Delete the file of a pipeline; runs keep their copy of it."""
    entry = await find(runner.catalogue, name)
    _refuse_python(entry)
    await _written(pipeline_files.remove, entry.pipeline.file, _required(if_match))


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


def _entry(source: str, path: Path) -> Entry:
    found = validate(source, path)
    return Entry(found.pipeline, source, found.diagnostics, found.runnable)


def _position(entry: Entry) -> str:
    return f"{entry.pipeline.name}\n{entry.pipeline.file.name}"


def _refuse_python(entry: Entry | None) -> None:
    if entry is not None and entry.kind == "python":
        detail = f"'{entry.pipeline.name}' is a function of a Python module: change it there"
        raise ProblemError(409, "The pipeline is no file of the folder", detail)


def _check_content(entry: Entry, name: str, *, draft: bool) -> None:
    """Refuse what is no pipeline of this name, and what cannot be run unless it is a draft."""
    if entry.pipeline.name != name:
        problem = f"the text holds a pipeline '{entry.pipeline.name}', not '{name}': save it under its own name"
        raise ProblemError(422, "The text is another pipeline", problem)
    if not entry.runnable and not draft:
        errors = [each for each in entry.diagnostics if each.severity == "error"]
        detail = "; ".join(map(str, errors))
        raise ProblemError(422, "The pipeline has errors", detail, [vars(each) for each in errors])


async def _written(write: Any, *arguments: Any) -> None:
    try:
        await asyncio.to_thread(write, *arguments)
    except ChangedError:
        raise _changed("somebody saved it meanwhile: read it again, and save with its new ETag") from None
    except TakenError:
        detail = f"there is a file {arguments[0].name} already, and it holds another pipeline: choose another name"
        raise ProblemError(409, "The file name is taken", detail) from None
    except OSError as error:
        raise ProblemError(409, "The file cannot be changed", f"{arguments[0]}: {error.strerror}") from error


def _changed(detail: str) -> ProblemError:
    return ProblemError(412, "The pipeline has changed", detail)


def _required(if_match: str | None) -> str:
    if if_match is None:
        detail = "send If-Match with the ETag of what you read, so that nothing newer is lost; or If-Match: *"
        raise ProblemError(428, "The request must say what it changes", detail)
    return if_match


async def _with_source(runner: Parts, entry: Entry, response: Response) -> PipelineWithSource:
    def content() -> bytes:
        if entry.kind == "python" or not runner.catalogue.holds(entry.pipeline.file):
            return b""
        with entry.pipeline.file.open("rb") as file:
            return file.read(4 * MAX_BYTES)

    try:
        found = await asyncio.to_thread(content)
    except OSError as error:
        raise ProblemError(404, "Pipeline not found", f"its file cannot be read: {error.strerror}") from error
    response.headers["ETag"] = pipeline_files.etag_of(found)
    return PipelineWithSource(**_model(entry).model_dump(), source=found.decode("utf-8", "replace"))


def _model(entry: Entry) -> PipelineModel:
    pipeline = entry.pipeline
    return PipelineModel(
        name=pipeline.name,
        kind=entry.kind,  # type: ignore[arg-type]  # the catalogue knows these two
        input_schema=schema_of(pipeline, entry.kind),
        env=dict(pipeline.env),
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
