"""The spans of one run as the screen shows them: finished spans win over live announcements (pure)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from quarterdeck import semconv
from quarterdeck_ui.live_state import LiveCall, LiveRun, LiveStep
from quarterdeck_ui.queries import Span
from quarterdeck_ui.runs_view import model_of, whole


@dataclass(frozen=True, slots=True)
class Node:
    """One bar of the timeline; times in milliseconds since the epoch, cost in USD or None if unknown."""

    id: str
    parent: str
    kind: str
    """``run``, ``step``, ``call``, ``tool`` or ``span``."""
    name: str
    start: float
    end: float | None
    status: str
    step: str = ""
    model: str = ""
    provider: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cache_read: int = 0
    cost: float | None = None
    first_chunk: float | None = None
    error: str = ""
    attempt: int = 1
    index: int = 0
    budget: int = 0
    progress: float | None = None
    message: str = ""


def nodes(spans: Collection[Span], live: LiveRun | None) -> tuple[Node, ...]:
    """All bars of a run, oldest first; a step carries the sum of the calls below it.

    ClickHouse fills the tables of one insert one after the other: a call that was announced stays one while its span is
    there and its use is not, unless the use was counted for a span inside it.
    """
    found = {span.id: _finished(span) for span in spans}
    if live is not None:
        for step in live.steps.values():
            found.setdefault(step.id, _open_step(step))
        counted_inside = {span.parent_id for span in spans if span.is_call}
        for call in live.calls.values():
            stored = found.get(call.id)
            if stored is None or (stored.kind != "call" and call.id not in counted_inside):
                found[call.id] = _open_call(call)
        if live.root_id and live.root_id not in found:
            found[live.root_id] = Node(
                live.root_id, "", "run", live.pipeline, live.start_ns / 1e6, _ms(live.end_ns), live.status
            )
    ordered = sorted(found.values(), key=lambda node: (node.start, node.kind != "run", node.id))
    return tuple(_with_sums(ordered))


def newest_call(found: Iterable[Node]) -> str:
    """Id of the call to follow: the newest that still runs, else the newest; empty without calls."""
    calls = [node for node in found if node.kind == "call"]
    newest = max(calls, key=lambda node: (node.end is None, node.start), default=None)
    return newest.id if newest else ""


def _finished(span: Span) -> Node:
    kind = _kind(span)
    told = span.attributes
    status = told.get(semconv.RUN_STATUS if kind == "run" else semconv.STEP_STATUS, "")
    return Node(
        id=span.id,
        parent=span.parent_id,
        kind=kind,
        name=_title(span, kind),
        start=span.start_ns / 1e6,
        end=(span.start_ns + span.duration_ns) / 1e6,
        status=status or ("failed" if span.failed else "completed"),
        step=span.step_name,
        model=span.model,
        provider=span.provider,
        tokens_in=span.tokens_in,
        tokens_out=span.tokens_out,
        cache_read=span.cache_read,
        cost=span.cost,
        first_chunk=span.first_chunk_s,
        error=(span.message or span.error_type) if span.failed else "",
        attempt=whole(told.get(semconv.STEP_ATTEMPT)) or 1,
        index=whole(told.get(semconv.STEP_INDEX)),
        budget=whole(told.get(semconv.STEP_TOKEN_BUDGET)),
    )


def _kind(span: Span) -> str:
    if span.is_call:
        return "call"
    if span.operation == semconv.OPERATION_EXECUTE_TOOL:
        return "tool"
    if span.step_id == span.id:
        return "step"
    return "run" if span.operation == semconv.OPERATION_WORKFLOW or not span.parent_id else "span"


def _title(span: Span, kind: str) -> str:
    told = span.attributes
    titles = {
        "run": told.get(semconv.PIPELINE_NAME, ""),
        "step": span.step_name,
        "tool": told.get(semconv.TOOL_NAME, ""),
        "call": span.model,
    }
    return titles.get(kind) or span.name


def _open_step(step: LiveStep) -> Node:
    told = step.attributes
    return Node(
        id=step.id,
        parent=step.parent_id,
        kind="step",
        name=step.name,
        start=step.start_ns / 1e6,
        end=_ms(step.end_ns),
        status=step.status,
        step=step.name,
        error=told.get(semconv.ERROR_TYPE, ""),
        attempt=whole(told.get(semconv.STEP_ATTEMPT)) or 1,
        index=whole(told.get(semconv.STEP_INDEX)),
        budget=whole(told.get(semconv.STEP_TOKEN_BUDGET)),
        progress=step.progress,
        message=step.message,
    )


def _open_call(call: LiveCall) -> Node:
    told = call.attributes
    error = told.get(semconv.ERROR_TYPE, "")
    return Node(
        id=call.id,
        parent=call.parent_id,
        kind="call",
        name=model_of(call) or call.name,
        start=call.start_ns / 1e6,
        end=_ms(call.end_ns),
        status="running" if call.end_ns is None else "failed" if error else "completed",
        step=call.step_name,
        model=model_of(call),
        provider=told.get(semconv.PROVIDER_NAME, ""),
        tokens_in=whole(told.get(semconv.USAGE_INPUT_TOKENS)),
        tokens_out=whole(told.get(semconv.USAGE_OUTPUT_TOKENS)),
        cache_read=whole(told.get(semconv.USAGE_CACHE_READ_TOKENS)),
        error=error,
    )


def _with_sums(ordered: list[Node]) -> list[Node]:
    parents = {node.id: node.parent for node in ordered}
    totals: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    costs: defaultdict[str, list[float]] = defaultdict(list)
    for node in ordered:
        if node.kind == "call":
            for ancestor in _ancestors(node.id, parents):
                totals[ancestor][0] += node.tokens_in
                totals[ancestor][1] += node.tokens_out
                if node.cost is not None:
                    costs[ancestor].append(node.cost)
    return [node if node.kind == "call" else _summed(node, totals[node.id], costs[node.id]) for node in ordered]


def _summed(node: Node, tokens: list[int], costs: list[float]) -> Node:
    return replace(node, tokens_in=tokens[0], tokens_out=tokens[1], cost=sum(costs) if costs else None)


def _ancestors(start: str, parents: Mapping[str, str]) -> Iterable[str]:
    seen = {start}
    parent = parents.get(start, "")
    while parent and parent not in seen:
        yield parent
        seen.add(parent)
        parent = parents.get(parent, "")


def _ms(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6
