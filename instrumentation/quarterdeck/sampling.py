"""The decision whether a span is recorded, without detours."""

# ruff: noqa: ARG002, PLR0917 - the arguments are those of OpenTelemetry's samplers

import os
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.environment_variables import OTEL_TRACES_SAMPLER
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import get_current_span


class Usual(ParentBased):
    """What OpenTelemetry does by default, ``parentbased_always_on``, without looking for the parent three times."""

    def __init__(self) -> None:
        super().__init__(ALWAYS_ON)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        """Record what has no parent, else what the parent's flags say."""
        parent = get_current_span(parent_context).get_span_context()
        if not parent.is_valid:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        if parent.trace_flags.sampled:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        return SamplingResult(Decision.DROP, None, parent.trace_state)


def sampler() -> Sampler | None:
    """The sampler of a tracer provider that we make; None where the environment names one."""
    return None if os.environ.get(OTEL_TRACES_SAMPLER, "").strip() else Usual()
