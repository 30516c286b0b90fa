"""Verdicts on what a run, a step or a model call has done, as the event that the GenAI conventions have for them."""

import time
from typing import Any

from opentelemetry import trace

from quarterdeck import config, semconv
from quarterdeck.channel import record_of
from quarterdeck.context import Run, Step, current_run, current_step, identity_of
from quarterdeck.events import emit
from quarterdeck.guard import guarded


def score(
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    of: Run | Step | trace.Span | None = None,
    response_id: str | None = None,
) -> None:
    """Record how good something was: a ``gen_ai.evaluation.result`` event that belongs to the judged span.

    Args:
        name: what was judged, such as ``relevance``.
        value: the score.
        label: the verdict in a word, such as ``pass``.
        explanation: why.
        of: run, step or span that is judged, ended ones too; default: the current span.
        response_id: id of the model's answer that is judged, as its provider gave it.
    """
    with guarded("record a score"):
        span = trace.get_current_span() if of is None else of if isinstance(of, trace.Span) else of.span
        given = {
            **(_identity(of)),
            semconv.EVALUATION_NAME: str(name),
            semconv.EVALUATION_SCORE: None if value is None else float(value),
            semconv.EVALUATION_LABEL: label,
            semconv.EVALUATION_EXPLANATION: explanation if config.capture().full else None,
            semconv.RESPONSE_ID: response_id,
        }
        emit(record_of(semconv.EVENT_EVALUATION, span.get_span_context(), time.time_ns(), given))


def _identity(of: Any) -> dict[str, Any]:
    if isinstance(of, Run):
        return identity_of(of, None)
    step = of if isinstance(of, Step) else current_step()
    return identity_of(current_run(), step or None)
