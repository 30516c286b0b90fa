"""What the inspector shows of one span: prompt, answer, template parts, variables and use (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quarterdeck import semconv
from quarterdeck_ui.live_state import LiveCall, LiveRun, LiveStep
from quarterdeck_ui.queries import Payload

_TEXTS: Final = {
    "system": semconv.SYSTEM_INSTRUCTIONS,
    "input": semconv.INPUT_MESSAGES,
    "output": semconv.OUTPUT_MESSAGES,
    "tools": semconv.TOOL_DEFINITIONS,
    "template": semconv.PROMPT_TEMPLATE,
    "variables": semconv.PROMPT_VARIABLES,
    "parts": semconv.PROMPT_PARTS,
    "step_input": semconv.STEP_INPUT,
    "step_output": semconv.STEP_OUTPUT,
    "run_input": semconv.RUN_INPUT,
    "run_output": semconv.RUN_OUTPUT,
    "run_config": semconv.PIPELINE_CONFIG,
    "tool_arguments": semconv.TOOL_CALL_ARGUMENTS,
    "tool_result": semconv.TOOL_CALL_RESULT,
}
_PARAMETERS: Final = {
    "max tokens": semconv.REQUEST_MAX_TOKENS,
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top p": semconv.REQUEST_TOP_P,
    "top k": semconv.REQUEST_TOP_K,
    "stop": semconv.REQUEST_STOP_SEQUENCES,
    "streamed": semconv.REQUEST_STREAM,
}
_USAGE: Final = {
    "input": semconv.USAGE_INPUT_TOKENS,
    "output": semconv.USAGE_OUTPUT_TOKENS,
    "cache_read": semconv.USAGE_CACHE_READ_TOKENS,
    "cache_write": semconv.USAGE_CACHE_WRITE_TOKENS,
    "reasoning": semconv.USAGE_REASONING_TOKENS,
}
_SHOWN_AS_TEXT: Final = frozenset(_TEXTS.values())


@dataclass(frozen=True, slots=True)
class SpanView:
    """Content of one span; ``texts`` hold JSON or plain text as captured, ``live`` while it still grows."""

    id: str
    live: bool
    texts: Mapping[str, str]
    parameters: Mapping[str, str]
    usage: Mapping[str, str]
    finish: str = ""
    error: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else is known, under the names it came with."""


def from_payload(span_id: str, payload: Payload) -> SpanView:
    """Content of a finished span."""
    known = {**payload.attributes, **payload.values}
    return _content(span_id, known, live=False, finish=payload.finish_reason, error=_joined(payload))


def from_call(call: LiveCall) -> SpanView:
    """Content of a call whose span has not arrived."""
    return _content(
        call.id,
        call.attributes,
        live=True,
        finish=call.attributes.get(semconv.RESPONSE_FINISH_REASONS, ""),
        error=call.attributes.get(semconv.ERROR_TYPE, ""),
    )


def from_step(step: LiveStep) -> SpanView:
    """Content of a step whose span has not arrived."""
    return _content(step.id, step.attributes, live=True, finish="", error=step.attributes.get(semconv.ERROR_TYPE, ""))


def from_run(run: LiveRun) -> SpanView:
    """Content of a run whose span has not arrived: what it was given, and its configuration."""
    error = run.attributes.get(semconv.ERROR_TYPE, "")
    return _content(run.root_id, run.attributes, live=True, finish="", error=error)


def _content(span_id: str, known: Mapping[str, str], *, live: bool, finish: str, error: str) -> SpanView:
    return SpanView(
        span_id,
        live,
        _picked(_TEXTS, known),
        _picked(_PARAMETERS, known),
        _picked(_USAGE, known),
        finish,
        error,
        {name: value for name, value in known.items() if name not in _SHOWN_AS_TEXT and value},
    )


def _picked(names: Mapping[str, str], known: Mapping[str, str]) -> Mapping[str, str]:
    return {short: known[name] for short, name in names.items() if known.get(name)}


def _joined(payload: Payload) -> str:
    return ": ".join(dict.fromkeys(part for part in (payload.error_type, payload.message) if part))
