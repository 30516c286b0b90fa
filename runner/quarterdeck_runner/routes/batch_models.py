"""Batches as clients see them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from quarterdeck_runner import batch_rows as rows
from quarterdeck_runner.batch_store import Arm, Batch, Item, Progress
from quarterdeck_runner.batches import actions
from quarterdeck_runner.routes.state import Parts

ItemStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
Concurrency = Annotated[int, Field(ge=1, le=500, description="Items at once.")]
CostLimit = Annotated[
    float, Field(gt=0, allow_inf_nan=False, description="USD; no item starts that would lead above it.", examples=[5.0])
]


class Rows(BaseModel):
    """Rows in one of three forms."""

    model_config = ConfigDict(extra="forbid")

    items: list[Any] | None = Field(None, description="Inputs as objects.", examples=[[{"topic": "tides"}]])
    csv: str | None = Field(None, description="Inputs as CSV; the first line names the columns.")
    jsonl: str | None = Field(None, description="Inputs as JSON lines, an object each.")

    @model_validator(mode="after")
    def _one_form(self) -> "Rows":
        if sum(given is not None for given in (self.items, self.csv, self.jsonl)) != 1:
            raise ValueError("give the rows in one of `items`, `csv` and `jsonl`")
        return self

    @property
    def content(self) -> tuple[str | Sequence[Any], rows.Format]:
        """The rows, and their form."""
        if self.csv is not None:
            return self.csv, "csv"
        return (self.jsonl, "jsonl") if self.jsonl is not None else (self.items or [], "list")


class StartBatch(Rows):
    """What to run, and with which inputs."""

    pipeline: str = Field(description="Name of the pipeline.", examples=["haiku"])
    name: str = Field("", max_length=200, description="For people; by default the pipeline's name.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs of every row that does not give them.")
    concurrency: Concurrency = 10
    max_cost_usd: CostLimit | None = None


class Checked(BaseModel):
    """What a batch would be."""

    items: int
    cost_usd: float | None = Field(description="Predicted; null where a price or the length of answers is not known.")
    max_cost_usd: float | None = Field(description="If every answer is as long as it can be.")
    sampled: int = Field(description="How many items, evenly spread, this was predicted from.")
    waits_for: list[str] = Field(description="Steps whose answer is part of later prompts; its length is missing.")


class Resume(BaseModel):
    """What changes."""

    model_config = ConfigDict(extra="forbid")

    max_cost_usd: CostLimit | None = Field(None, description="A new limit; by default the old one.")
    concurrency: Concurrency | None = None


class Items(BaseModel):
    """How many items there are of each status."""

    total: int
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int


class BatchModel(BaseModel):
    """One batch."""

    id: str = Field(examples=["019abe3c-7c1e-7d13-8a4e-5f0c6b1f2a90"])
    kind: Literal["batch", "experiment"]
    name: str = Field(examples=["haiku"])
    status: Literal["running", "paused", "stopped", "completed"]
    reason: str | None = Field(description="Why it was stopped, where nobody asked for it.")
    concurrency: int
    max_cost_usd: float | None
    cost_usd: float = Field(description="What all attempts cost, as far as prices are known.")
    unpriced_calls: int = Field(description="Calls whose price is not known; they are missing in the cost.")
    input_tokens: int
    output_tokens: int
    items: Items
    items_per_minute: float = Field(description="Items that ended in the last minute.")
    eta_seconds: float | None = Field(description="Until the end, at the speed of the last minute.")
    created_at: datetime
    completed_at: datetime | None
    actions: list[Literal["pause", "resume", "stop", "rerun"]] = Field(description="What can be asked for now.")


class BatchList(BaseModel):
    """Batches, newest first."""

    batches: list[BatchModel]


class ItemModel(BaseModel):
    """One item; tokens, cost and times are those of its last attempt."""

    number: int = Field(description="Place in the batch, counted from 1.")
    line: int = Field(description="Line of the CSV or JSON lines, or place in the list, counted from 1.")
    status: ItemStatus
    inputs: dict[str, Any]
    output: Any
    error: str | None
    run_id: str | None = Field(description="The run that does it.")
    attempts: int
    variant: str | None = Field(description="Of an experiment.")
    model: str | None = Field(description="Of an experiment.")
    score: float | None = Field(description="Of an experiment.")
    verdict: str | None = Field(description="Why it has this score.")
    cost_usd: float | None = Field(description="Null where a price is not known.")
    input_tokens: int
    output_tokens: int
    duration_seconds: float | None
    started_at: datetime | None
    completed_at: datetime | None


class ItemPage(BaseModel):
    """Some items, in order."""

    items: list[ItemModel]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last one.")


async def of_batch(runner: Parts, batch: Batch) -> BatchModel:
    """A batch and how far it is."""
    progress = await runner.batches.progress(batch.id)
    statuses = ("pending", "running", "completed", "failed", "cancelled")
    per_minute, eta = _speed(batch, progress)
    return BatchModel.model_validate(
        {
            **vars(batch),
            "reason": batch.reason or None,
            "cost_usd": progress.spent,
            "unpriced_calls": progress.unpriced,
            "input_tokens": progress.input_tokens,
            "output_tokens": progress.output_tokens,
            "items": {"total": batch.total, **{status: progress.count(status) for status in statuses}},
            "items_per_minute": per_minute,
            "eta_seconds": eta,
            "created_at": _time(batch.created_ns),
            "completed_at": _time(batch.completed_ns),
            "actions": actions(batch, progress),
        }
    )


def _speed(batch: Batch, progress: Progress) -> tuple[float, float | None]:
    minutes = min(1.0, max((time.time_ns() - batch.created_ns) / 60e9, 1e-3))
    per_minute = progress.lately / minutes
    if batch.status != "running" or not per_minute:
        return per_minute, None
    return per_minute, progress.count("pending", "running") / per_minute * 60


def of_item(batch: Batch, arms: Sequence[Arm], item: Item) -> ItemModel:
    """One item."""
    compared = batch.kind == "experiment"
    return ItemModel.model_validate(
        {
            **vars(item),
            "error": item.error or None,
            "run_id": item.run_id or None,
            "variant": arms[item.arm].variant if compared else None,
            "model": arms[item.arm].model if compared else None,
            "verdict": item.verdict or None,
            "cost_usd": item.cost,
            "duration_seconds": (item.completed_ns - item.started_ns) / 1e9 if item.completed_ns else None,
            "started_at": _time(item.started_ns),
            "completed_at": _time(item.completed_ns),
        }
    )


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
