"""With OpenInference's instrumentation installed beside ours every call still counts once."""

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import quarterdeck as qd
from quarterdeck.testing import Recording, recording
from quarterdeck_collector.store import EmbeddedStore
from quarterdeck_runner.demo.provider import create_app
from support.collectors import Ingest
from support.servers import serve

CLAUDE, GEMINI = "claude-opus-5-5", "gemini-3.8-flash"
Tokens = tuple[int, int]


@pytest.fixture
def telemetry() -> Iterator[Recording]:
    with recording() as found:
        qd.instrument()
        others: list[Any] = [AnthropicInstrumentor(), GoogleGenAIInstrumentor()]
        for other in others:
            other.instrument(tracer_provider=trace.get_tracer_provider())
        yield found
        for other in others:
            other.uninstrument()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serve(create_app()) as url:
        yield url


def ask(text: str) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 50, "messages": [{"role": "user", "content": text}]}


def claude(url: str, *, spans: bool) -> list[Tokens]:
    with anthropic.Anthropic(api_key="k", base_url=url, open_telemetry=None if spans else False) as client:
        answer = client.messages.create(**ask("[[say:whole answer]]"))
        with client.messages.stream(**ask("[[say:streamed answer]]")) as stream:
            streamed = stream.get_final_message()
    return [(found.usage.input_tokens, found.usage.output_tokens) for found in (answer, streamed)]


def gemini(url: str) -> list[Tokens]:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)) as client:
        answer = client.models.generate_content(model=GEMINI, contents="[[say:whole answer]]")
        *_, last = client.models.generate_content_stream(model=GEMINI, contents="[[say:streamed answer]]")
    usages = [found.usage_metadata for found in (answer, last)]
    return [(usage.prompt_token_count or 0, usage.candidates_token_count or 0) for usage in usages if usage]


@pytest.mark.parametrize(
    "calls",
    [lambda url: claude(url, spans=True), lambda url: claude(url, spans=False), gemini],
    ids=["claude-sdk", "claude-own", "gemini"],
)
def test_every_call_counts_once(
    telemetry: Recording, stand_in: str, store: EmbeddedStore, ingest: Ingest, calls: Callable[[str], list[Tokens]]
) -> None:
    with qd.step("ask"):
        told = calls(stand_in)
    spans = telemetry.spans()
    assert len(spans) == 1 + 2 * len(told)  # both instrumentations spoke
    ingest(encode_spans(spans))
    assert counted(store) == told


def counted(store: EmbeddedStore) -> list[Tokens]:
    rows = store.rows("SELECT InputTokens, OutputTokens FROM $model_calls ORDER BY Timestamp")
    return [(int(given), int(said)) for given, said in rows]


def test_so_does_every_call_outside_any_run_where_a_stream_has_two_traces(
    telemetry: Recording, stand_in: str, store: EmbeddedStore, ingest: Ingest
) -> None:
    told = [*claude(stand_in, spans=True), *claude(stand_in, spans=False), *gemini(stand_in)]
    spans = telemetry.spans()
    assert len({span.context.trace_id for span in spans}) > len(told)
    ingest(encode_spans(spans))
    assert counted(store) == told
    runs = store.rows("SELECT sum(ModelCalls), sum(InputTokens) FROM $runs")
    assert [[int(count) for count in row] for row in runs] == [[len(told), sum(given for given, _ in told)]]


def test_calls_with_one_made_up_id_are_calls_of_their_own(
    telemetry: Recording, store: EmbeddedStore, ingest: Ingest
) -> None:
    tracer = trace.get_tracer("quarterdeck")
    asked = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.response.id": "msg_mock"}
    for _ in range(3):
        tracer.start_span("chat m", attributes=asked | {"gen_ai.usage.input_tokens": 1}).end()
    ingest(encode_spans(telemetry.spans()))
    assert counted(store) == [(1, 0)] * 3
