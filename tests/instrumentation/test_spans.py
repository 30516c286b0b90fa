"""Our spans' short way through the SDK leaves what they carry as it would be by the long one."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

import quarterdeck as qd
from quarterdeck import config, export, semconv, spans
from quarterdeck.sampling import Usual
from quarterdeck.testing import Recording, recording


class Kind(Enum):
    SEARCH = "search"


@qd.step
def say(word: str, times: int = 2, *more: str, loud: bool = False) -> str:
    qd.current_step().set(extra="set by the step")
    return " ".join([word] * times + list(more)) + "!" * loud


@qd.step
def collect(words: list[str]) -> list[str]:
    return words


@qd.pipeline(version="1", total=3)
def work(_question: str) -> dict[str, str]:
    say("ahoy é")
    say("ahoy", 1, "there", loud=True)
    words = ["early"]
    collect(words).append("late")
    return {"words": ",".join(words)}


@contextmanager
def joined(monkeypatch: pytest.MonkeyPatch, provider: TracerProvider) -> Iterator[Recording]:
    """Record in a program that has a tracer provider of its own."""
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with recording() as telemetry:
        yield telemetry


def as_read(found: Any) -> list[dict[str, Any]]:
    return [dict(span.attributes) for span in sorted(found, key=lambda span: span.start_time)]


def by_the_long_way(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    with monkeypatch.context() as patched, recording() as telemetry:
        patched.setattr(spans, "_FITS", False)
        work("what?")
        return telemetry.normal_spans()


def test_spans_are_the_same_where_the_sdk_is_made_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as telemetry:
        work("what?")
        short = telemetry.normal_spans()
    assert short == by_the_long_way(monkeypatch)
    assert [span["attributes"].get(semconv.STEP_INPUT) for span in short[1:]] == [
        '{"word":"ahoy é"}',
        '{"word":"ahoy","times":1,"more":["there"],"loud":true}',
        '{"words":["early"]}',
    ]
    assert [span["attributes"].get(semconv.STEP_OUTPUT) for span in short[1:]] == [
        '"ahoy é ahoy é"',
        '"ahoy there!"',
        '["early"]',
    ]


@pytest.mark.parametrize("ours_first", [True, False])
def test_every_processor_of_the_program_reads_what_we_send(monkeypatch: pytest.MonkeyPatch, ours_first: bool) -> None:
    theirs, provider = InMemorySpanExporter(), TracerProvider()
    if not ours_first:
        provider.add_span_processor(SimpleSpanProcessor(theirs))
    with joined(monkeypatch, provider) as telemetry:
        if ours_first:
            provider.add_span_processor(SimpleSpanProcessor(theirs))
        work("what?")
        sent = as_read(telemetry.spans())
    assert as_read(theirs.get_finished_spans()) == sent
    assert sent[0][semconv.RUN_INPUT] == '{"_question":"what?"}'


def test_what_other_processors_put_on_a_span_that_starts_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tagging(SpanProcessor):
        def on_start(self, span: trace.Span, parent_context: Context | None = None) -> None:
            span.set_attribute("tag", f"{parent_context is not None}")

    provider = TracerProvider()
    provider.add_span_processor(Tagging())
    with joined(monkeypatch, provider) as telemetry:
        say("ahoy")
        (attributes,) = as_read(telemetry.spans())
    assert attributes["tag"] == "True"
    assert attributes["extra"] == "set by the step"
    assert attributes[semconv.STEP_NAME] == "say"


def test_limits_of_a_provider_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for limits in (SpanLimits(max_span_attribute_length=5), SpanLimits(max_span_attributes=3)):
        with joined(monkeypatch, TracerProvider(span_limits=limits)) as telemetry:
            say("ahoy")
            (attributes,) = as_read(telemetry.spans())
        if limits.max_span_attribute_length:
            assert attributes[semconv.STEP_OUTPUT] == '"ahoy'
        else:
            assert list(attributes) == ["extra", semconv.STEP_OUTPUT, semconv.STEP_STATUS]


def test_a_sampler_that_looks_at_attributes_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Looking(sampling.Sampler):
        def should_sample(self, *args: Any, **_: Any) -> sampling.SamplingResult:
            seen.append(dict(args[4]))
            return sampling.SamplingResult(sampling.Decision.RECORD_AND_SAMPLE, {**args[4], "sampled.by": "me"})

        def get_description(self) -> str:
            return "looking"

    with joined(monkeypatch, TracerProvider(sampler=Looking())) as telemetry:
        say("ahoy")
        (attributes,) = as_read(telemetry.spans())
    assert seen[0][semconv.STEP_INPUT] == '{"word":"ahoy"}'
    assert attributes["sampled.by"] == "me"
    assert attributes[semconv.STEP_OUTPUT] == '"ahoy ahoy"'


def test_what_is_not_sampled_is_neither_sent_nor_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with joined(monkeypatch, TracerProvider(sampler=sampling.ALWAYS_OFF)) as telemetry:
        work("what?")
        assert telemetry.spans() == []
        assert config.live()._open == {}  # type: ignore[union-attr] # recording has just started it


def test_declarations_of_a_wrong_type_become_text() -> None:
    with recording() as telemetry:
        with qd.step("find", kind=Kind.SEARCH):  # type: ignore[call-overload] # that is what is tested
            pass
        (attributes,) = as_read(telemetry.spans())
    assert attributes[semconv.STEP_KIND] == "Kind.SEARCH"


def test_a_payload_is_counted_when_it_waits_and_when_it_is_written() -> None:
    ended: list[ReadableSpan] = []

    class Keeping(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span)

    with recording():
        relay = config._relays[config._state.provider]  # type: ignore[union-attr] # recording has just started it
        relay.targets = (*relay.targets, Keeping())
        with qd.pipeline("big", config="z" * 20_000), qd.step("big", input="x" * 60_000) as step:
            step.set(more="y" * 30_000)
        before = [export._weigh(span) for span in ended]
        assert '"xx' in str(ended[0].attributes)
        assert [export._weigh(span) for span in ended] == before
        assert [round(weight, -4) for weight in before] == [90_000, 20_000]


def parents() -> Iterator[Context]:
    yield Context()
    yield set_span_in_context(NonRecordingSpan(trace.INVALID_SPAN_CONTEXT))
    state = TraceState([("vendor", "1")])
    for flags, remote in itertools.product((TraceFlags(0), TraceFlags(1)), (True, False)):
        yield set_span_in_context(NonRecordingSpan(SpanContext(1, 2, remote, flags, state)))


def test_our_sampler_decides_as_the_usual_one() -> None:
    def decisions(sampler: sampling.Sampler) -> list[Any]:
        results = [sampler.should_sample(parent, 1, "name", attributes={"a": 1}) for parent in parents()]
        return [(result.decision, dict(result.attributes or {}), result.trace_state) for result in results]

    assert decisions(Usual()) == decisions(sampling.DEFAULT_ON)
