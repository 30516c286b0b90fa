"""What our own spans tell of a model call arrives in the table that is counted from."""

from typing import Literal

import anthropic
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import recording
from quarterdeck_collector.store import EmbeddedStore
from quarterdeck_runner.demo.provider import create_app
from support.collectors import Ingest
from support.servers import serve


@pytest.mark.parametrize("sdk_spans", [None, False], ids=["sdk", "own"])
def test_the_time_to_the_first_token_is_that_of_content_and_not_of_thoughts(
    sdk_spans: Literal[False] | None, store: EmbeddedStore, ingest: Ingest
) -> None:
    with recording() as telemetry, serve(create_app()) as url:
        qd.instrument()
        with (
            anthropic.Anthropic(api_key="k", base_url=url, open_telemetry=sdk_spans) as client,
            client.messages.stream(
                model="claude-opus-5-5",
                max_tokens=2000,
                thinking={"type": "enabled", "budget_tokens": 1024},
                messages=[{"role": "user", "content": "[[say:after thought]] [[delay:0.01]]"}],
            ) as stream,
        ):
            stream.until_done()
        (span,) = telemetry.spans()
    told = dict(span.attributes or {})
    content = float(str(told[semconv.RESPONSE_TIME_TO_FIRST_CONTENT]))
    assert content > float(str(told[semconv.RESPONSE_TIME_TO_FIRST_CHUNK]))
    ingest(encode_spans([span]))
    assert store.rows("SELECT TimeToFirstChunk FROM $model_calls") == [[str(content)]]
