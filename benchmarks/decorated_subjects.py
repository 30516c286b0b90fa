"""What ``decorated_call.py`` measures: a call without telemetry, with a span written by hand, and decorated.

A subject sets its library up for an endpoint and gives the function to call, how many spans a call makes, and what
sends them. What is not decorated by us uses OpenTelemetry's own batch processor and OTLP exporter, with the schedule
and queue that we use.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

PROMPT: Final = "Summarise what the crew of the lighthouse wrote down: é, “quotes” and \n breaks. " * 25
RESPONSE: Final = "The keeper lit the lamp at dusk, and nothing happened until the fog came in.\n" * 20


@dataclass(frozen=True)
class Prepared:
    """A subject that is ready.

    Args:
        call: what to measure.
        flush: sends everything that has ended.
        spans: how many spans a call makes; the cost is told for one.
    """

    call: Callable[[], object]
    flush: Callable[[], object]
    spans: int = 1


Subject = Callable[[str], Prepared]


def answered(prompt: str) -> str:
    """The work itself."""
    return RESPONSE if prompt else ""


def bare(_endpoint: str) -> Prepared:
    return Prepared(lambda: answered(PROMPT), lambda: None)


def batch_processor(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces")
    return BatchSpanProcessor(exporter, max_queue_size=16_384, schedule_delay_millis=250)


def standard_provider(endpoint: str) -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(batch_processor(endpoint))
    trace.set_tracer_provider(provider)
    return provider


def by_hand(endpoint: str, prompt: str = PROMPT) -> Prepared:
    provider = standard_provider(endpoint)
    tracer = provider.get_tracer("by-hand")

    def call() -> str:
        with tracer.start_as_current_span("summarise") as span:
            span.set_attribute("input", json.dumps({"prompt": prompt}, ensure_ascii=False))
            result = answered(prompt)
            span.set_attribute("output", json.dumps(result, ensure_ascii=False))
            return result

    return Prepared(call, provider.force_flush)


def by_hand_empty(endpoint: str) -> Prepared:
    return by_hand(endpoint, "")


def by_hand_nested(endpoint: str) -> Prepared:
    inner = by_hand(endpoint)
    from opentelemetry import trace

    tracer = trace.get_tracer("by-hand")

    def call() -> None:
        with tracer.start_as_current_span("outer"):
            inner.call()
            inner.call()

    return Prepared(call, inner.flush, spans=3)


def looped(loop: asyncio.AbstractEventLoop, work: Callable[[], Any], times: int) -> Callable[[], object]:
    """Await ``work`` that often in one turn of the loop, whose own cost is then small."""

    async def all_of_them() -> None:
        for _ in range(times):
            await work()

    return lambda: loop.run_until_complete(all_of_them())


def by_hand_async(endpoint: str) -> Prepared:
    inner = by_hand(endpoint)

    async def work() -> None:
        inner.call()

    return Prepared(looped(asyncio.new_event_loop(), work, 100), inner.flush, spans=100)


def step(endpoint: str) -> Prepared:
    import quarterdeck as qd

    qd.init(endpoint)
    summarise = qd.step(answered)
    return Prepared(lambda: summarise(PROMPT), qd.flush)


def in_a_run(endpoint: str, prompt: str = PROMPT) -> Prepared:
    import quarterdeck as qd

    qd.init(endpoint)
    summarise = qd.step(answered)
    qd.pipeline("benchmark").__enter__()
    return Prepared(lambda: summarise(prompt), qd.flush)


def in_a_run_empty(endpoint: str) -> Prepared:
    return in_a_run(endpoint, "")


def in_a_run_nested(endpoint: str) -> Prepared:
    import quarterdeck as qd

    inner = in_a_run(endpoint)

    @qd.step
    def outer() -> None:
        inner.call()
        inner.call()

    return Prepared(outer, inner.flush, spans=3)


def in_a_run_async(endpoint: str) -> Prepared:
    import quarterdeck as qd

    qd.init(endpoint)

    @qd.step
    async def summarise(prompt: str) -> str:
        return answered(prompt)

    qd.pipeline("benchmark").__enter__()
    return Prepared(looped(asyncio.new_event_loop(), lambda: summarise(PROMPT), 100), qd.flush, spans=100)


def beside_another_library(endpoint: str) -> Prepared:
    """A tracer provider that the program made, with an exporter of its own for every span, which we join."""
    standard_provider(endpoint)
    return in_a_run(endpoint)


BARE: Final = "the bare call"
HAND: Final = "a span by hand"
STEP: Final = "@qd.step in a run"
OURS: Final[dict[str, Subject]] = {
    BARE: bare,
    HAND: by_hand,
    "@qd.step": step,
    STEP: in_a_run,
    f"{HAND}, nothing in or out": by_hand_empty,
    f"{STEP}, nothing in or out": in_a_run_empty,
    f"{HAND}, three nested": by_hand_nested,
    f"{STEP}, three nested": in_a_run_nested,
    f"{HAND}, async": by_hand_async,
    f"{STEP}, async": in_a_run_async,
    f"{STEP}, in a provider of another library": beside_another_library,
}
