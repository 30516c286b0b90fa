"""The tool that says why a run failed: what broke, with what in hand, and what was different when it last went well."""

import re
from collections.abc import Sequence
from typing import Annotated, Final

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from quarterdeck import semconv as s
from quarterdeck_console.agents.calls import Spans, call_of
from quarterdeck_console.agents.models import Call, LogLine, Node, Pipeline, RunSummary, Since
from quarterdeck_console.agents.runs import OPEN, LiveEvent, Runs, differences
from quarterdeck_console.agents.source import Source, time_of

_PROMPT: Final = 4_000
_GOOD_PROMPT: Final = 2_000
_TRACE: Final = 6_000
_VALUE: Final = 2_000
_LOGS: Final = 30
_OTHERS: Final = 20
_BEFORE_NS: Final = 300_000_000_000
_AFTER_NS: Final = 15_000_000_000
_FRAME: Final = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>\S+)', re.MULTILINE)
_LIBRARY: Final = re.compile(r"site-packages|dist-packages|/lib/python3|^<")


class Frame(BaseModel):
    """A place in a program."""

    file: str
    line: int
    function: str


class LastGood(BaseModel):
    """The newest run of the same pipeline that completed before this one."""

    run: RunSummary
    step: Node | None = Field(default=None, description="The same step there.")
    call: Call | None = Field(default=None, description="The same model call there.")
    differences: list[str] = Field(description="From the good run to the failed one.")
    prompt_changed: bool | None = Field(default=None, description="Whether the prompts of the two calls differ.")


class Failure(BaseModel):
    """Why a run failed."""

    verdict: str = Field(description="What happened, in a sentence or two.")
    run: RunSummary
    failed: Node | None = Field(
        default=None, description="The deepest span that failed on the way to the end of the run."
    )
    path: list[str] = Field(default=[], description="Names of the spans from the run down to it.")
    error_type: str | None = None
    untrusted_message: str | None = None
    raised_at: Frame | None = Field(
        default=None, description="Innermost frame of the stack trace outside of libraries."
    )
    untrusted_stack_trace: str | None = None
    step: Node | None = Field(default=None, description="The step that failed.")
    untrusted_step_input: str | None = Field(default=None, description="Arguments of that step, JSON.")
    call: Call | None = Field(default=None, description="The failing model call, or the last one of the failing step.")
    earlier_attempts: list[Node] = Field(default=[], description="Failed tries of the same step before.")
    other_errors: list[Node] = Field(default=[], description="Further spans that failed, elsewhere in the run.")
    logs: list[LogLine] = Field(default=[], description="Log records of the run up to its failure, oldest first.")
    latest_events: list[LiveEvent] = Field(
        default=[], description="Of a run that was lost or is open: what it told last, newest first."
    )
    last_good: LastGood | None = Field(
        default=None, description="Absent where no run of the pipeline completed in 90 days before."
    )
    look_further: list[str] = Field(default=[], description="Which tools tell more.")


class Failures:
    """The tool.

    Args:
        source: where it asks.
        runs: tools over runs.
    """

    def __init__(self, source: Source, runs: Runs) -> None:
        self._source = source
        self._runs = runs

    def explain_failure(
        self,
        run_id: Annotated[
            str, Field(description="Id of the run; empty for the newest run that failed.", max_length=200)
        ] = "",
        pipeline: Pipeline = "",
        since: Annotated[Since, Field(description="Without run_id: how far back to look for a failed run.")] = "7d",
    ) -> Failure:
        """Say why a run failed: step, error, stack trace, prompt and parameters of the call, logs, last good run."""
        run = self._source.run(run_id) if run_id else self._newest(pipeline, since)
        nodes = self._source.tree(run.run_id)
        failed = cause(nodes)
        if failed is None or run.status in OPEN:
            return self._without_error(run, [node for node in nodes if node.status == "failed"])
        return self._explained(run, nodes, failed)

    def _newest(self, pipeline: str, since: str) -> RunSummary:
        found = self._source.ask("runs", since=time_of(since), pipeline=pipeline, status="failed,lost", limit=1)
        if not found:
            which = f" of pipeline {pipeline!r}" if pipeline else ""
            raise ToolError(f"no run{which} failed since {since}; look further back, or name a run of find_runs")
        return self._source.summary(found[0])

    def _without_error(self, run: RunSummary, errors: Sequence[Node]) -> Failure:
        said = {
            "lost": "The run was lost: its process sends no signs of life any more, and ended without saying why "
            "(killed, out of memory, power). Its latest events say how far it was.",
            "cancelled": "The run was cancelled from outside: find out who did with sql on otel_logs, "
            "EventName = 'quarterdeck.control'.",
            "failed": f"The run failed with {run.error_type or 'an error'}, and no span in it says more.",
        }.get(
            run.status,
            f"The run has not failed: it is {run.status}, and {len(errors) or 'no'} spans in it have an error.",
        )
        now = time_of("now")
        return Failure(
            verdict=said,
            run=run,
            error_type=run.error_type,
            untrusted_message=run.untrusted_message,
            other_errors=list(errors[:_OTHERS]),
            latest_events=self._runs.live(run.run_id) if run.status in OPEN else [],
            logs=self._source.logs(run.run_id, time_of(run.started), now, _LOGS),
            last_good=self._last_good(run),
            look_further=[f"get_run(run_id='{run.run_id}')"],
        )

    def _explained(self, run: RunSummary, nodes: Sequence[Node], failed: Node) -> Failure:
        source, clean = self._source, self._source.clean
        above = ancestors(nodes, failed)
        step = next((node for node in [failed, *reversed(above)] if node.kind == "step"), None)
        spans = Spans(source, run.run_id)
        row = spans[failed.span_id]
        call = self._call(spans, nodes, failed, step)
        told = trace_of(spans, [failed, *reversed(above)])
        payload = spans[step.span_id]["payload"] if step else {}
        end_ns = row["started_ns"] + row["nanoseconds"]
        spoken_of = {failed.span_id, *(node.span_id for node in above)}
        failures = [node for node in nodes if node.status == "failed" and node.span_id not in spoken_of]
        earlier = [node for node in failures if step and node.kind == "step" and node.name == step.name]
        return Failure(
            verdict=_verdict(run, failed, step, call, len(earlier)),
            run=run,
            failed=failed,
            path=[node.name for node in [*above, failed]],
            error_type=failed.error_type or run.error_type,
            untrusted_message=_message(clean.short(row["message"], _VALUE), failed, run),
            raised_at=raised_at(told),
            untrusted_stack_trace=clean.ending(told, _TRACE),
            step=step,
            untrusted_step_input=clean.short(payload.get(s.STEP_INPUT, ""), _VALUE),
            call=call,
            earlier_attempts=earlier[:_OTHERS],
            other_errors=[node for node in failures if node not in earlier][:_OTHERS],
            logs=source.logs(run.run_id, row["started_ns"] - _BEFORE_NS, end_ns + _AFTER_NS, _LOGS),
            last_good=self._last_good(run, step, call, spans),
            look_further=_further(run, call),
        )

    def _call(self, spans: Spans, nodes: Sequence[Node], failed: Node, step: Node | None) -> Call | None:
        """Give the failing call, or the last one of the failing step."""
        if failed.kind == "call":
            return call_of(spans, failed.span_id, _PROMPT)
        inside = [node for node in nodes if node.kind == "call" and step and node.step == step.step]
        under = [node for node in inside if step and step.span_id in {a.span_id for a in ancestors(nodes, node)}]
        if not under:
            return None
        return call_of(spans, under[-1].span_id, _PROMPT)

    def _last_good(
        self, run: RunSummary, step: Node | None = None, call: Call | None = None, spans: Spans | None = None
    ) -> LastGood | None:
        source = self._source
        before = time_of(run.started)
        found = source.file("last_good", pipeline=run.pipeline, before=before) if run.pipeline else []
        if not found:
            return None
        good = source.run(found[0]["run"])
        nodes = source.tree(good.run_id)
        same_step = next((node for node in nodes if step and node.kind == "step" and node.name == step.name), None)
        calls = [node for node in nodes if node.kind == "call" and call and node.step == call.step]
        there = Spans(source, good.run_id)
        same_call = call_of(there, calls[-1].span_id, _GOOD_PROMPT) if calls else None
        changes = differences(good, run)
        changed = None
        if call and same_call and spans:
            changed = bool(spans[call.span_id]["prompt"] != there[same_call.span_id]["prompt"])
            changes += _parameter_changes(same_call, call)
        return LastGood(run=good, step=same_step, call=same_call, differences=changes, prompt_changed=changed)


def cause(nodes: Sequence[Node]) -> Node | None:
    """The span that a run failed of: the deepest failed one, on the latest way down from the run that failed all along.

    Args:
        nodes: in the order of the tree.
    """
    all_failed = [node for node in nodes if node.status == "failed"]
    failed = [node for node in all_failed if not made_good(nodes, node)] or all_failed
    parents = {node.parent_id for node in failed}
    leaves = [node for node in failed if node.span_id not in parents]
    fatal = [node for node in leaves if all(above.status == "failed" for above in ancestors(nodes, node))]
    return max(fatal or leaves, key=lambda node: (node.started, node.depth), default=None)


def made_good(nodes: Sequence[Node], failed: Node) -> bool:
    """Whether the same was done again after a failure, with success: it failed then, not the run."""
    ended = time_of(failed.started) + int(failed.seconds * 1e9)
    return any(
        node.status == "completed"
        and (node.parent_id, node.kind) == (failed.parent_id, failed.kind)
        and (node.kind == "call" or node.name == failed.name)
        and time_of(node.started) >= ended
        for node in nodes
    )


def ancestors(nodes: Sequence[Node], node: Node) -> list[Node]:
    """Give what holds a span, from the run down."""
    known = {each.span_id: each for each in nodes}
    found: list[Node] = []
    while (node := known.get(node.parent_id)) is not None and node not in found:  # type: ignore[assignment]
        found.append(node)
    return found[::-1]


def trace_of(spans: Spans, way: Sequence[Node]) -> str:
    """Give the stack trace of the failed span, else that of the next one above that has one."""
    return next((str(text) for node in way if (text := spans[node.span_id]["stack_trace"])), "")


def raised_at(trace: str) -> Frame | None:
    """Find the innermost frame outside of libraries in a Python stack trace."""
    found = [each.groupdict() for each in _FRAME.finditer(trace)]
    frames = [Frame(file=each["file"], line=int(each["line"]), function=each["function"]) for each in found]
    own = [frame for frame in frames if not _LIBRARY.search(frame.file)]
    return next(reversed(own or frames), None)


def _message(said: str | None, failed: Node, run: RunSummary) -> str | None:
    """Give the message of the span, unless it says no more than its type."""
    return said if said and said != failed.error_type else run.untrusted_message or said


def _verdict(run: RunSummary, failed: Node, step: Node | None, call: Call | None, earlier: int) -> str:
    what = {
        "call": f"the call of {failed.model or failed.name}",
        "tool": f"the tool {failed.name}",
        "step": f"step {failed.step!r}",
        "run": "the run itself, outside of any step,",
    }.get(failed.kind, f"{failed.kind} {failed.name!r}")
    where = f" in step {step.step!r}" if step is not None and step is not failed else ""
    error = failed.error_type or run.error_type or "an error"
    ended = "The run failed" if run.status == "failed" else f"The run is {run.status}, though"
    said = [f"{ended}: {what}{where} ended with {error} at {failed.started}."]
    if step is not None and (step.attempt or 1) > 1:
        said.append(f"It was attempt {step.attempt} of the step; {earlier} failed before.")
    if call is not None and call.status == "completed" and failed.kind != "call":
        cut = " and was cut at max_tokens, so that its answer is not whole" if call.finish_reason == "length" else ""
        said.append(f"The last model call of the step, {call.model}, completed{cut}.")
    return " ".join(said)


def _parameter_changes(good: Call, bad: Call) -> list[str]:
    keys = dict.fromkeys([*good.parameters, *bad.parameters])
    found = [
        f"parameter {key}: {good.parameters.get(key)} → {bad.parameters.get(key)}"
        for key in keys
        if good.parameters.get(key) != bad.parameters.get(key)
    ]
    if good.finish_reason != bad.finish_reason:
        found.append(f"finish reason of the call: {good.finish_reason} → {bad.finish_reason}")
    return found


def _further(run: RunSummary, call: Call | None) -> list[str]:
    found = [f"get_run(run_id='{run.run_id}') for everything in the run"]
    if call is not None:
        found.append(f"get_call(run_id='{run.run_id}', span_id='{call.span_id}') for the whole prompt and answer")
    return [*found, "list_error_groups(…) for how often this happens"]
