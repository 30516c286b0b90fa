"""Shapes that several tools answer in."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from quarterdeck_console.agents.untrusted import Excerpt

Status = Literal["running", "paused", "waiting", "completed", "failed", "cancelled", "lost"]

Since = Annotated[
    str, Field(description="Begin: how long ago (10m, 24h, 7d), a date (2026-11-24) or a time (2026-11-24T22:30), UTC.")
]
Until = Annotated[str, Field(description="End, in the same words, or 'now'.")]
Pipeline = Annotated[str, Field(description="Only of this pipeline: its exact name; empty for all.")]
RunId = Annotated[str, Field(description="Id of the run, from find_runs.", min_length=1, max_length=200)]
SpanId = Annotated[str, Field(description="Id of the span, from get_run, search_prompts or others.", max_length=64)]
Cursor = Annotated[
    str, Field(description="next_cursor of the answer before; empty for the first page.", max_length=300)
]


class RunSummary(BaseModel):
    """One run of a pipeline."""

    run_id: str
    pipeline: str
    version: str = Field(description="Version of the pipeline's definition.")
    status: str = Field(
        description="running, paused, waiting, completed, failed, cancelled, or lost: its process is gone."
    )
    started: str = Field(description="UTC.")
    seconds: float = Field(description="Duration; so far, if it is still open.")
    error_type: str | None = Field(default=None, description="Exception that ended it.")
    untrusted_message: str | None = Field(default=None, description="Message of that exception.")
    error_spans: int = Field(description="Spans that failed, also where the run went on.")
    calls: int = Field(description="Model calls.")
    tokens_in: int
    tokens_out: int
    cost_usd: float = Field(description="Of the calls whose price is known.")
    unpriced_calls: int = Field(description="Calls whose price is not known: cost_usd is without them.")
    models: list[str]
    service: str
    environment: str


class Node(BaseModel):
    """One span of a run: the run itself, a step, a model call, a tool, or something else."""

    span_id: str
    parent_id: str
    depth: int = Field(description="0 for the run, 1 for what it holds, and so on.")
    kind: str = Field(description="run, step, call (of a model), tool or span.")
    name: str
    step: str | None = Field(default=None, description="Step that it belongs to.")
    status: str
    error_type: str | None = None
    untrusted_message: str | None = Field(default=None, description="Message of the error.")
    attempt: int | None = Field(default=None, description="Which try of the step this is, from 1.")
    started: str = Field(description="UTC.")
    seconds: float
    model: str | None = None
    finish_reason: str | None = Field(
        default=None, description="Why the model stopped: stop, length, tool_call, content_filter, …"
    )
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = Field(default=None, description="Absent where the price is not known.")


class LogLine(BaseModel):
    """One log record."""

    time: str = Field(description="UTC.")
    level: str
    step: str | None = None
    untrusted_text: str


class Call(BaseModel):
    """One model call with what was sent and what came back."""

    run_id: str
    span_id: str
    pipeline: str
    step: str | None = None
    provider: str
    model: str
    status: str
    error_type: str | None = None
    untrusted_message: str | None = Field(default=None, description="Message of the error.")
    started: str = Field(description="UTC.")
    seconds: float
    first_chunk_seconds: float | None = None
    finish_reason: str | None = None
    tokens_in: int
    tokens_out: int
    tokens_from_cache: int
    cost_usd: float | None = Field(default=None, description="Absent where the price is not known.")
    parameters: dict[str, Any] = Field(
        description="What was asked for besides the messages: model, max_tokens, temperature …"
    )
    untrusted_instructions: Excerpt | None = Field(default=None, description="System instructions as recorded, JSON.")
    untrusted_prompt: Excerpt | None = Field(
        default=None, description="Messages sent, exactly as recorded, mostly JSON."
    )
    untrusted_answer: Excerpt | None = Field(
        default=None, description="Messages received, exactly as recorded, mostly JSON."
    )
    untrusted_template: Excerpt | None = Field(default=None, description="Template that the prompt was made from.")
    untrusted_variables: Excerpt | None = Field(default=None, description="Variables of the template, JSON.")
    missing: str | None = Field(default=None, description="Why there is no prompt or answer.")
