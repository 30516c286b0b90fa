"""Tools over model calls: read one exactly, find some by their words."""

import json
from typing import Annotated, Any, Final, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from quarterdeck import semconv as s
from quarterdeck_console.agents.models import Call, Cursor, Pipeline, RunId, Since, SpanId, Until
from quarterdeck_console.agents.source import Source, offset_of, time_of
from quarterdeck_console.clickhouse import Row

_PREFIXES: Final = ("gen_ai.request.", "gen_ai.", "llm.")
_EXPIRED: Final = "none is stored: it was not captured, or is older than payloads are kept"


class Hit(BaseModel):
    """A model call whose prompt or answer holds the text."""

    run_id: str
    span_id: str
    pipeline: str
    step: str | None = None
    model: str
    started: str = Field(description="UTC.")
    found_in: str = Field(description="prompt or answer.")
    untrusted_around: str = Field(description="The text with what stands around it.")


class HitPage(BaseModel):
    """Model calls, newest first."""

    hits: list[Hit]
    next_cursor: str | None = Field(default=None, description="Give it as cursor for the next page; absent at the end.")


class Calls:
    """The tools.

    Args:
        source: where they ask.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def get_call(
        self,
        run_id: RunId,
        span_id: SpanId,
        max_characters: Annotated[int, Field(ge=100, le=50_000, description="Of each text, at most.")] = 8_000,
        offset: Annotated[int, Field(ge=0, description="Where in prompt and answer to begin, characters.")] = 0,
    ) -> Call:
        """Read one model call: the exact prompt and answer, its parameters, tokens and cost."""
        spans = Spans(self._source, run_id)
        if not spans[span_id]["is_call"]:
            raise ToolError(f"span {span_id} is no model call; get_run lists those of kind 'call'")
        return call_of(spans, span_id, max_characters, offset)

    def search_prompts(
        self,
        *,
        text: Annotated[str, Field(min_length=2, max_length=500, description="What to look for, in whatever case.")],
        since: Since = "7d",
        until: Until = "now",
        inside: Annotated[Literal["prompt", "answer", "both"], Field(description="Where to look.")] = "both",
        pipeline: Pipeline = "",
        model: Annotated[str, Field(description="Only of this model: its exact name; empty for all.")] = "",
        limit: Annotated[int, Field(ge=1, le=50, description="Calls at most.")] = 10,
        cursor: Cursor = "",
    ) -> HitPage:
        """Find model calls by words of their prompts or answers, newest first."""
        rows = self._source.ask(
            "prompts",
            text=text,
            since=time_of(since),
            until=offset_of(cursor) or time_of(until),
            inside=inside,
            pipeline=pipeline,
            model=model,
            limit=limit + 1,
        )
        clean = self._source.clean
        hits = [
            Hit(
                run_id=row["run"],
                span_id=row["span"],
                pipeline=clean.name(row["pipeline"]),
                step=clean.name(row["step"]) or None,
                model=clean.name(row["model"]),
                started=row["started"],
                found_in=row["found_in"],
                untrusted_around=clean.short(row["around"], 1_000) or "",
            )
            for row in rows[:limit]
        ]
        return HitPage(hits=hits, next_cursor=str(rows[limit - 1]["started_ns"]) if len(rows) > limit else None)


class Spans:
    """Everything that is stored of single spans of a run, each asked for once.

    Args:
        source: where to ask.
        run_id: the run.
    """

    def __init__(self, source: Source, run_id: str) -> None:
        self.source = source
        self.run_id = run_id
        self._known: dict[str, Row] = {}

    def __getitem__(self, span_id: str) -> Row:
        """Give the row of a span.

        Raises:
            ToolError: there is no such span in the run.
        """
        if span_id not in self._known:
            found = self.source.file("span", run=self.run_id, span=span_id) if span_id else []
            if not found:
                self.source.run(self.run_id)
                raise ToolError(f"run {self.run_id} has no span {span_id!r}; get_run lists them")
            self._known[span_id] = found[0]
        return self._known[span_id]


def call_of(spans: Spans, span_id: str, most: int, offset: int = 0) -> Call:
    """Make a model call of what is stored of its span.

    Args:
        spans: of its run.
        span_id: its span.
        most: characters of each text.
        offset: where in prompt and answer to begin.

    Raises:
        ToolError: there is no such span.
    """
    row, source = spans[span_id], spans.source
    clean, payload = source.clean, row["payload"]
    return Call(
        run_id=spans.run_id,
        span_id=row["span"],
        pipeline=clean.name(row["pipeline"]),
        step=clean.name(row["step"]) or None,
        provider=clean.name(row["provider"]),
        model=clean.name(row["model"]),
        status=row["status"],
        error_type=clean.name(row["error"]) or None,
        untrusted_message=clean.short(row["message"], 2_000),
        started=row["started"],
        seconds=round(row["nanoseconds"] / 1e9, 3),
        first_chunk_seconds=row["first_chunk"] and round(row["first_chunk"], 3),
        finish_reason=row["finish_reason"] or None,
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        tokens_from_cache=row["tokens_from_cache"],
        cost_usd=row["cost_usd"],
        parameters=parameters_of(source, row),
        untrusted_instructions=clean.excerpt(payload.get(s.SYSTEM_INSTRUCTIONS, ""), most),
        untrusted_prompt=clean.excerpt(row["prompt"], most, offset),
        untrusted_answer=clean.excerpt(row["answer"], most, offset),
        untrusted_template=clean.excerpt(payload.get(s.PROMPT_TEMPLATE, ""), most),
        untrusted_variables=clean.excerpt(payload.get(s.PROMPT_VARIABLES, ""), most),
        missing=None if row["prompt"] or row["answer"] else _EXPIRED,
    )


def parameters_of(source: Source, row: Row) -> dict[str, Any]:
    """What a call was asked for besides its messages, by short names."""
    found = {}
    for key, text in row["attributes"].items():
        name = next((key.removeprefix(prefix) for prefix in _PREFIXES if key.startswith(prefix)), key)
        try:
            found[name] = source.clean.value(json.loads(text), 300)
        except ValueError:
            found[name] = source.clean.short(text, 300)
    return dict(sorted(found.items()))
