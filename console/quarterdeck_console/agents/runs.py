"""Tools over runs: find them, read one, compare two."""

import difflib
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from quarterdeck import semconv as s
from quarterdeck_console.agents.calls import Spans
from quarterdeck_console.agents.models import Cursor, Node, Pipeline, RunId, RunSummary, Since, Status, Until
from quarterdeck_console.agents.source import Source, no_cursor, offset_of, time_of

_VALUE: Final = 2_000
_DIFF: Final = 6_000
_EVENTS: Final = 20
OPEN: Final = frozenset({"running", "paused", "waiting", "lost"})
"""Statuses of runs that have not said how they ended."""


class RunPage(BaseModel):
    """Runs, newest first."""

    runs: list[RunSummary]
    next_cursor: str | None = Field(default=None, description="Give it as cursor for the next page; absent at the end.")


class LiveEvent(BaseModel):
    """Something that a run told while it went on."""

    time: str = Field(description="UTC.")
    event: str
    step: str | None = None
    name: str
    untrusted_text: str | None = None


class RunTree(BaseModel):
    """One run with everything in it."""

    run: RunSummary
    nodes: list[Node] = Field(description="Each before what it holds: depth says how the tree is.")
    total_nodes: int
    next_cursor: str | None = Field(
        default=None, description="Give it as cursor for the next nodes; absent at the end."
    )
    untrusted_input: str | None = Field(default=None, description="What the run was started with, JSON.")
    untrusted_output: str | None = Field(default=None, description="What it returned, JSON.")
    untrusted_config: str | None = Field(default=None, description="Configuration of the pipeline, JSON.")
    latest_events: list[LiveEvent] = Field(default=[], description="Newest first: how far a run is that has not ended.")


class Side(BaseModel):
    """A step, or a model call, in one of two runs."""

    span_id: str
    status: str
    seconds: float
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


class Pair(BaseModel):
    """The same step, or the same model call of a step, in two runs."""

    kind: str = Field(description="step or call.")
    step: str
    number: int = Field(description="Which of them, where a step has several of its kind; from 1.")
    a: Side | None = Field(default=None, description="Absent where run a has none.")
    b: Side | None = Field(default=None, description="Absent where run b has none.")
    prompt_changed: bool | None = Field(default=None, description="Whether the prompts differ; of calls.")
    answer_changed: bool | None = Field(default=None, description="Whether the answers differ; of calls.")


class Comparison(BaseModel):
    """Two runs, and what is different."""

    a: RunSummary
    b: RunSummary
    differences: list[str] = Field(description="What differs, the most telling first.")
    pairs: list[Pair]
    untrusted_prompt_diff: str | None = Field(
        default=None, description="First prompt that differs, as a unified diff from a to b."
    )


class Runs:
    """The tools.

    Args:
        source: where they ask.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def find_runs(
        self,
        *,
        since: Since = "24h",
        until: Until = "now",
        pipeline: Pipeline = "",
        status: Annotated[Status | None, Field(description="Only runs of this status.")] = None,
        text: Annotated[
            str,
            Field(
                description="Only runs with this in id, pipeline, version, error, service or models.", max_length=200
            ),
        ] = "",
        limit: Annotated[int, Field(ge=1, le=100, description="Runs at most.")] = 20,
        cursor: Cursor = "",
    ) -> RunPage:
        """Find runs of pipelines, newest first: how they ended, what they used and cost."""
        before, after = _place(cursor) if cursor else (time_of(until), "")
        rows = self._source.ask(
            "runs",
            since=time_of(since),
            until=before,
            after=after,
            pipeline=pipeline,
            status=status or "",
            text=text,
            limit=limit + 1,
        )
        more = f"{rows[limit - 1]['started_ns']}/{rows[limit - 1]['run']}" if len(rows) > limit else None
        return RunPage(runs=[self._source.summary(row) for row in rows[:limit]], next_cursor=more)

    def get_run(
        self,
        run_id: RunId,
        limit: Annotated[int, Field(ge=1, le=500, description="Nodes at most.")] = 200,
        cursor: Cursor = "",
    ) -> RunTree:
        """Read one run: its tree of steps, model calls and tools with status, duration, tokens and cost."""
        source = self._source
        run = source.run(run_id)
        nodes = source.tree(run_id)
        start = offset_of(cursor)
        root = source.file("span", run=run_id, span="")
        payload = root[0]["payload"] if root else {}
        end = start + limit
        return RunTree(
            run=run,
            nodes=nodes[start:end],
            total_nodes=len(nodes),
            next_cursor=str(end) if end < len(nodes) else None,
            untrusted_input=source.clean.short(payload.get(s.RUN_INPUT, ""), _VALUE),
            untrusted_output=source.clean.short(payload.get(s.RUN_OUTPUT, ""), _VALUE),
            untrusted_config=source.clean.short(payload.get(s.PIPELINE_CONFIG, ""), _VALUE),
            latest_events=self.live(run_id) if run.status in OPEN else [],
        )

    def live(self, run_id: str) -> list[LiveEvent]:
        """Give the newest live events of a run."""
        clean = self._source.clean
        return [
            LiveEvent(
                time=row["time"],
                event=row["event"],
                step=clean.name(row["step"]) or None,
                name=clean.name(row["name"]),
                untrusted_text=clean.short(row["text"]),
            )
            for row in self._source.file("live", run=run_id, limit=_EVENTS)
        ]

    def compare_runs(
        self,
        run_a: Annotated[str, Field(description="Id of the one run, such as a good one.")],
        run_b: Annotated[str, Field(description="Id of the other run, such as a failed one.")],
    ) -> Comparison:
        """Compare two runs as wholes, step by step and call by call: status, time, tokens, cost, models, prompts."""
        a, b = self._source.run(run_a), self._source.run(run_b)
        pairs = self._pairs(run_a, run_b)
        changed = next((pair for pair in pairs if pair.prompt_changed and pair.a and pair.b), None)
        return Comparison(
            a=a,
            b=b,
            differences=[*differences(a, b), *_of_pairs(pairs)],
            pairs=pairs[:200],
            untrusted_prompt_diff=self._diff(a, b, changed) if changed else None,
        )

    def _pairs(self, run_a: str, run_b: str) -> list[Pair]:
        sides = [_numbered(self._source.tree(run)) for run in (run_a, run_b)]
        hashes = [{row["span"]: row for row in self._source.file("fingerprints", run=run)} for run in (run_a, run_b)]
        found = []
        for key in dict.fromkeys([*sides[0], *sides[1]]):
            a, b = (side.get(key) for side in sides)
            said = [told.get(node.span_id) if node else None for told, node in zip(hashes, (a, b), strict=True)]
            both = said[0] is not None and said[1] is not None
            found.append(
                Pair(
                    kind=key[0],
                    step=key[1],
                    number=key[2],
                    a=_side(a),
                    b=_side(b),
                    prompt_changed=_differ(said, "prompt") if both else None,
                    answer_changed=_differ(said, "answer") if both else None,
                )
            )
        return found

    def _diff(self, a: RunSummary, b: RunSummary, changed: Pair) -> str | None:
        texts = []
        for run, side in ((a, changed.a), (b, changed.b)):
            row = Spans(self._source, run.run_id)[side.span_id if side else ""]
            texts.append(self._source.clean.text(row["prompt"]).replace("\\n", "\n").splitlines())
        lines = difflib.unified_diff(texts[0], texts[1], "run a", "run b", lineterm="", n=2)
        return self._source.clean.short("\n".join(lines), _DIFF)


def differences(a: RunSummary, b: RunSummary) -> list[str]:
    """Say what differs between two runs as wholes."""
    found = [
        f"{name}: {getattr(a, field)} → {getattr(b, field)}"
        for name, field in (
            ("status", "status"),
            ("error", "error_type"),
            ("version of the pipeline", "version"),
            ("models", "models"),
            ("environment", "environment"),
            ("service", "service"),
            ("model calls", "calls"),
        )
        if getattr(a, field) != getattr(b, field)
    ]
    for name, field, unit in (
        ("duration", "seconds", " s"),
        ("cost", "cost_usd", " USD"),
        ("tokens in", "tokens_in", ""),
    ):
        old, new = getattr(a, field), getattr(b, field)
        if old != new:
            share = f" ({(new - old) / old:+.0%})" if old else ""
            found.append(f"{name}: {old}{unit} → {new}{unit}{share}")
    return found


def _of_pairs(pairs: list[Pair]) -> list[str]:
    found = []
    for pair in pairs:
        name = f"{pair.kind} {pair.number} of step {pair.step!r}" if pair.kind == "call" else f"step {pair.step!r}"
        if pair.a is None or pair.b is None:
            found.append(f"{name}: only in run {'b' if pair.a is None else 'a'}")
            continue
        if pair.a.status != pair.b.status:
            found.append(f"{name}: {pair.a.status} → {pair.b.status}")
        if pair.a.model != pair.b.model:
            found.append(f"{name}: model {pair.a.model} → {pair.b.model}")
        if pair.prompt_changed:
            found.append(f"{name}: another prompt")
    return found[:100]


def _numbered(nodes: list[Node]) -> dict[tuple[str, str, int], Node]:
    """Give steps and calls by kind, step and their number in it."""
    found: dict[tuple[str, str, int], Node] = {}
    counts: dict[tuple[str, str], int] = {}
    for node in nodes:
        if node.kind in {"step", "call"}:
            key = node.kind, node.step or ""
            counts[key] = counts.get(key, 0) + 1
            found[*key, counts[key]] = node
    return found


def _side(node: Node | None) -> Side | None:
    return None if node is None else Side(**node.model_dump(include=set(Side.model_fields)))


def _differ(said: list[Any], what: str) -> bool:
    return bool(said[0][what] != said[1][what])


def _place(cursor: str) -> tuple[int, str]:
    at, _, run_id = cursor.partition("/")
    if not at.isdecimal():
        raise no_cursor()
    return int(at), run_id
