"""Everything about one error: its span, the call behind it, what was logged, and the last good run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck import semconv
from quarterdeck_ui import queries
from quarterdeck_ui.queries import LogFilter, LogLine, Occurrence, Payload, RunRow, Span, Store

_BEFORE_NS: Final = 60 * 10**9
_AFTER_NS: Final = 10 * 10**9
_LOGS: Final = 200
_LAST_ID: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Call:
    """A model call with what it was sent."""

    span: Span
    payload: Payload

    @property
    def prompt(self) -> str:
        """Its messages as text, with the role before each."""
        parts = [("system", each) for each in _json(self.payload.values.get(semconv.SYSTEM_INSTRUCTIONS))]
        for message in _json(self.payload.values.get(semconv.INPUT_MESSAGES)):
            if isinstance(message, dict):
                parts += [
                    (str(message.get("role", "")), part)
                    for part in message.get("parts") or []
                    if isinstance(part, dict)
                ]
        return "\n\n".join(f"[{role}]\n{_text(part)}" for role, part in parts)

    @property
    def answer(self) -> str:
        """What came back, as far as something did."""
        messages = _json(self.payload.values.get(semconv.OUTPUT_MESSAGES))
        return "\n\n".join(
            _text(part) for each in messages if isinstance(each, dict) for part in each.get("parts") or []
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What was asked for besides the prompt: model, limits, sampling."""
        found = {"model": self.span.model or self.payload.attributes.get(semconv.REQUEST_MODEL, "")}
        found |= {
            key.removeprefix("gen_ai.request."): value
            for key, value in sorted(self.payload.attributes.items())
            if key.startswith("gen_ai.request.") and key != semconv.REQUEST_MODEL
        }
        return {key: value for key, value in found.items() if value}

    @property
    def max_tokens(self) -> int:
        """How long the answer may be; 0 if that is not said."""
        text = self.payload.attributes.get(semconv.REQUEST_MAX_TOKENS, "")
        return int(text) if text.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as far as it is compared: with its input, and its call in the step of interest."""

    row: RunRow
    input: str
    step_seconds: float | None
    step_kind: str
    call: Call | None


@dataclass(frozen=True, slots=True)
class Case:
    """One error with its surroundings."""

    occurrence: Occurrence
    facts: Mapping[str, Any]
    run: RunFacts
    good: RunFacts | None

    @property
    def exception(self) -> Mapping[str, str]:
        """What the failed span recorded of the exception."""
        names, attributes = self.facts["EventNames"], self.facts["EventAttributes"]
        found = [each for name, each in zip(names, attributes, strict=True) if name == "exception"]
        return dict(found[-1]) if found else {}

    @property
    def callers(self) -> str:
        """Frames of the user's code around a failed call."""
        return str(self.facts["SpanAttributes"].get(semconv.CODE_STACKTRACE, ""))


def read_case(store: Store, occurrence: Occurrence) -> Case | None:
    """Read everything about an error; None if its spans have expired.

    Raises:
        StoreError: ClickHouse is away.
    """
    facts = queries.raw_span(store, occurrence.run_id, occurrence.span_id)
    row = queries.run_by_id(store, occurrence.run_id)
    if facts is None or row is None:
        return None
    run = _run_facts(store, row, occurrence.span_id, occurrence.step)
    pipeline = row.pipeline
    good = queries.good_run(store, pipeline, row.id, row.start_ns) if pipeline else None
    return Case(
        occurrence,
        facts,
        run,
        _run_facts(store, good, "", run.call.span.step_name if run.call else occurrence.step) if good else None,
    )


def logs_around(store: Store, case: Case) -> list[LogLine]:
    """Records of the run from a minute before the error on."""
    ended = case.facts["StartNs"] + case.facts["Duration"]
    until = (ended + _AFTER_NS, _LAST_ID)
    return queries.log_lines(
        store, LogFilter(run=case.occurrence.run_id), _LOGS, since_ns=ended - _BEFORE_NS, before=until
    )


def _run_facts(store: Store, row: RunRow, span_id: str, step: str) -> RunFacts:
    spans = queries.spans_of_run(store, row.id, row.start_ns, row.end_ns)
    behind = call_behind(spans, span_id, step)
    payload = queries.span_payload(store, row.id, behind.id) if behind else None
    own = next((each for each in queries.step_payloads(store, row, 200) if not each.is_step), None)
    wanted = step or (behind.step_name if behind else "")
    steps = [span for span in spans if span.id == span.step_id and span.step_name == wanted]
    return RunFacts(
        row,
        own.values.get(semconv.RUN_INPUT, "") if own else "",
        steps[-1].duration_ns / 1e9 if steps else None,
        steps[-1].attributes.get(semconv.STEP_KIND, "") if steps else "",
        Call(behind, payload) if behind and payload else None,
    )


def call_behind(spans: Sequence[Span], span_id: str, step: str) -> Span | None:
    """The model call that an error is about: the failed span itself, else a failed call of its step, else the last one.

    Args:
        spans: Spans of the run.
        span_id: The failed span; empty in a run that did not fail.
        step: Name of the step of interest; empty for any.
    """
    calls = [span for span in spans if span.is_call]
    if own := [span for span in calls if span.id == span_id]:
        return own[0]
    failed = next((span for span in spans if span.id == span_id), None)
    if failed is not None:
        end = failed.start_ns + failed.duration_ns
        calls = [span for span in calls if span.start_ns <= end]
    near = [span for span in calls if not step or span.step_name == step]
    if not near and step:
        return None
    return max(near, key=lambda span: (bool(span_id) and span.failed, span.start_ns), default=None)


def _json(text: str | None) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _text(part: Any) -> str:
    if isinstance(part, dict):
        content = part.get("content", part.get("response", part.get("arguments", part)))
        return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    return str(part)
