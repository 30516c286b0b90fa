"""What the live channel speaks of: how runs, steps and model calls differ, and one that is open."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import SpanContext

from quarterdeck import semconv
from quarterdeck.context import Run, Step


@dataclass(frozen=True)
class Kind:
    """How runs, steps and calls differ on the live channel."""

    started: str
    ended: str
    start_keys: frozenset[str]
    end_keys: frozenset[str]


RUN: Final = Kind(
    semconv.EVENT_PIPELINE_STARTED,
    semconv.EVENT_PIPELINE_COMPLETED,
    frozenset({semconv.PIPELINE_VERSION, semconv.PIPELINE_CONFIG, semconv.RUN_INPUT, semconv.STEP_TOTAL}),
    frozenset({semconv.RUN_STATUS, semconv.ERROR_TYPE}),
)
STEP: Final = Kind(
    semconv.EVENT_STEP_STARTED,
    semconv.EVENT_STEP_COMPLETED,
    frozenset(
        {
            semconv.STEP_INDEX,
            semconv.STEP_TOTAL,
            semconv.STEP_ATTEMPT,
            semconv.STEP_KIND,
            semconv.STEP_INPUT,
            semconv.STEP_TOKEN_BUDGET,
        }
    ),
    frozenset({semconv.STEP_STATUS, semconv.ERROR_TYPE}),
)
CALL: Final = Kind(
    semconv.EVENT_PROMPT_SENT,
    semconv.EVENT_RESPONSE_RECEIVED,
    frozenset(
        {
            semconv.PROVIDER_NAME,
            semconv.OPERATION_NAME,
            semconv.REQUEST_MODEL,
            semconv.REQUEST_MAX_TOKENS,
            semconv.REQUEST_TEMPERATURE,
            semconv.REQUEST_TOP_P,
            semconv.REQUEST_TOP_K,
            semconv.REQUEST_STOP_SEQUENCES,
            semconv.REQUEST_STREAM,
            semconv.INPUT_MESSAGES,
            semconv.SYSTEM_INSTRUCTIONS,
            semconv.PROMPT_TEMPLATE,
            semconv.PROMPT_VARIABLES,
            semconv.PROMPT_PARTS,
        }
    ),
    frozenset(
        {
            semconv.RESPONSE_MODEL,
            semconv.RESPONSE_FINISH_REASONS,
            semconv.USAGE_INPUT_TOKENS,
            semconv.USAGE_OUTPUT_TOKENS,
            semconv.USAGE_CACHE_READ_TOKENS,
            semconv.USAGE_CACHE_WRITE_TOKENS,
            semconv.USAGE_REASONING_TOKENS,
            semconv.ERROR_TYPE,
        }
    ),
)


class Open:
    """Something that runs, and what waits to be sent of it.

    Args:
        kind: run, step or call.
        span: its span.
        start: what its start event carries beyond what all events of it carry; read when it is announced.
        run: the run that it is or belongs to.
        opened: its span and step; what all events of it carry is known from them.
        base: what all events of it carry, where no span here tells it.
        start_ns: when it started, nanoseconds since the epoch, likewise.
    """

    # Most of what opens is never told of: only what outlives a look gets values of its own for these.
    announced = False
    beat_at = 0.0
    sequence = 0
    chunks: Sequence[tuple[str, list[str]]] = ()
    waiting_characters = 0
    progress: tuple[int, dict[str, Any], str] | None = None

    def __init__(
        self,
        kind: Kind,
        span: SpanContext,
        start: dict[str, Any] | BoundedAttributes,
        *,
        run: Run | None = None,
        opened: tuple[Any, Step | None] | None = None,
        base: dict[str, Any] | None = None,
        start_ns: int = 0,
    ) -> None:
        self.kind = kind
        self.span = span
        self.start_ns = start_ns
        self.base = {} if base is None else base
        self.start = start
        self.run = run
        self.opened = opened
        self.born = time.monotonic()
