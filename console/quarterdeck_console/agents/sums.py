"""Tools over many runs: errors by what went wrong, costs by what caused them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from quarterdeck_console.agents.models import Cursor, Pipeline, Since, Until
from quarterdeck_console.agents.source import Source, offset_of, time_of

Dimension = Literal["pipeline", "step", "model", "provider", "service", "environment", "day", "hour"]


class ErrorGroup(BaseModel):
    """Errors of one kind: numbers, ids and quoted words of the message do not tell two apart."""

    error_group: str
    error_type: str
    untrusted_message: str | None = Field(default=None, description="One of the messages.")
    errors: int = Field(description="Spans that failed so; a step and the run that it ended each count.")
    runs: int
    first_seen: str = Field(description="UTC, within the span of time that was asked for.")
    last_seen: str = Field(description="UTC.")
    pipelines: list[str]
    steps: list[str]
    last_run_id: str = Field(description="For explain_failure.")
    last_span_id: str


class ErrorGroups(BaseModel):
    """Error groups, the most frequent first."""

    groups: list[ErrorGroup]
    next_cursor: str | None = Field(default=None, description="Give it as cursor for the next page; absent at the end.")


class CostRow(BaseModel):
    """What model calls used and cost."""

    what: list[str] = Field(description="Values of the dimensions, in the order of group_by.")
    calls: int
    failed_calls: int
    tokens_in: int
    tokens_from_cache: int
    tokens_out: int
    cost_usd: float = Field(description="Of the calls whose price is known.")
    unpriced_calls: int = Field(description="Calls whose price is not known: cost_usd is without them.")


class Costs(BaseModel):
    """Costs, the dearest first."""

    group_by: list[str]
    rows: list[CostRow]
    next_cursor: str | None = Field(default=None, description="Give it as cursor for the next page; absent at the end.")


class Sums:
    """The tools.

    Args:
        source: where they ask.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def list_error_groups(
        self,
        *,
        since: Since = "7d",
        until: Until = "now",
        pipeline: Pipeline = "",
        limit: Annotated[int, Field(ge=1, le=100, description="Groups at most.")] = 20,
        cursor: Cursor = "",
    ) -> ErrorGroups:
        """List errors by what went wrong, the most frequent first; times count by whole days (UTC)."""
        offset = offset_of(cursor)
        rows = self._source.ask(
            "errors", since=time_of(since), until=time_of(until), pipeline=pipeline, limit=limit + 1, offset=offset
        )
        clean = self._source.clean
        groups = [
            ErrorGroup(
                error_group=row["error_group"],
                error_type=clean.name(row["type"]),
                untrusted_message=clean.short(row["message"]),
                errors=row["errors"],
                runs=row["runs"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                pipelines=[clean.name(each) for each in row["pipelines"][:20]],
                steps=[clean.name(each) for each in row["steps"][:20]],
                last_run_id=row["last_run"],
                last_span_id=row["last_span"],
            )
            for row in rows[:limit]
        ]
        return ErrorGroups(groups=groups, next_cursor=_next(rows, limit, offset))

    def costs(
        self,
        *,
        group_by: Annotated[
            list[Dimension], Field(min_length=1, max_length=3, description="By what; several give their combinations.")
        ] = ["pipeline"],  # noqa: B006 - read only; the schema shows it
        since: Since = "7d",
        until: Until = "now",
        pipeline: Pipeline = "",
        limit: Annotated[int, Field(ge=1, le=200, description="Rows at most.")] = 30,
        cursor: Cursor = "",
    ) -> Costs:
        """Say what model calls used and cost, by pipeline, step, model, provider, service, environment, day or hour."""
        offset = offset_of(cursor)
        rows = self._source.ask(
            "costs",
            since=time_of(since),
            until=time_of(until),
            by=group_by,
            pipeline=pipeline,
            limit=limit + 1,
            offset=offset,
        )
        clean = self._source.clean
        found = [CostRow(**{**row, "what": [clean.name(each) for each in row["what"]]}) for row in rows[:limit]]
        return Costs(group_by=list(group_by), rows=found, next_cursor=_next(rows, limit, offset))


def _next(rows: list[dict[str, object]], limit: int, offset: int) -> str | None:
    return str(offset + limit) if len(rows) > limit else None
