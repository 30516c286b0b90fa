"""The cost that ClickHouse computes is the one that genai-prices computes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from quarterdeck import semconv
from quarterdeck_collector import prices
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest

DAY = datetime(2026, 2, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 1, 12, tzinfo=UTC)
PROVIDERS = {"anthropic": "anthropic", "gcp.gemini": "google"}
CASES = [
    ("anthropic", "claude-sonnet-4-5-20250929", DAY, (1000, 0, 0, 200)),
    ("anthropic", "claude-sonnet-4-5-20250929", DAY, (250_000, 100_000, 50_000, 2_000)),
    ("anthropic", "claude-opus-4-6", DAY, (300_000, 0, 0, 10)),
    ("anthropic", "claude-opus-4-6", LATER, (300_000, 0, 0, 10)),
    ("anthropic", "claude-opus-4-1-20250805", DAY, (5_000, 4_000, 500, 300)),
    ("anthropic", "claude-haiku-4-5", DAY, (77, 0, 0, 1)),
    ("anthropic", "claude-3-5-sonnet-latest", DAY, (77, 7, 0, 1)),
    ("anthropic", "claude-fable-5-1", LATER, (100, 90, 0, 9)),
    ("gcp.gemini", "gemini-2.5-pro", DAY, (1000, 300, 0, 200)),
    ("gcp.gemini", "gemini-2.5-pro", DAY, (200_001, 0, 0, 200)),
    ("gcp.gemini", "models/gemini-2.5-flash", DAY, (1000, 500, 0, 20)),
    ("gcp.gemini", "gemini-2.0-flash-001", DAY, (1000, 0, 0, 20)),
    ("gcp.gemini", "gemini-4-argon", LATER, (1000, 10, 0, 20)),
    ("gcp.gemini", "gemini-embedding-001", DAY, (1000, 0, 0, 0)),
]


def _call(provider: str, model: str, when: datetime, tokens: tuple[int, int, int, int]) -> dict[str, Any]:
    read_write = (semconv.USAGE_INPUT_TOKENS, semconv.USAGE_CACHE_READ_TOKENS, semconv.USAGE_CACHE_WRITE_TOKENS)
    nanoseconds = int(when.timestamp()) * 1_000_000_000
    return {
        "start_time_unix_nano": nanoseconds,
        "end_time_unix_nano": nanoseconds,
        "attributes": {
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: provider,
            semconv.RESPONSE_MODEL: model,
            **dict(zip((*read_write, semconv.USAGE_OUTPUT_TOKENS), tokens, strict=True)),
        },
    }


def _expected(provider: str, model: str, when: datetime, tokens: tuple[int, int, int, int]) -> float:
    whole, read, write, output = tokens
    usage = Usage(input_tokens=whole, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output)
    name = model.removeprefix("models/")
    price = calc_price(usage, name, provider_id=PROVIDERS[provider], genai_request_timestamp=when)
    return float(price.total_price)


def _costs(store: EmbeddedStore, ingest: Ingest, *spans: dict[str, Any]) -> list[float | None]:
    prices.load(store)
    ingest(otlp.traces(*({**span, "span_id": number.to_bytes(8)} for number, span in enumerate(spans, start=1))))
    return [row["Cost"] for row in store.json_rows("SELECT Cost FROM $model_calls ORDER BY SpanId")]


def test_costs_agree_with_genai_prices(store: EmbeddedStore, ingest: Ingest) -> None:
    costs = _costs(store, ingest, *(_call(*case) for case in CASES))

    assert costs == pytest.approx([_expected(*case) for case in CASES], rel=1e-12)
    assert all(costs)


def test_what_is_not_known_is_null(store: EmbeddedStore, ingest: Ingest) -> None:
    unknown_model = _call("anthropic", "claude-unheard-of", DAY, (10, 0, 0, 1))
    unknown_provider = _call("acme", "acme-1", DAY, (10, 0, 0, 1))
    no_usage = _call("anthropic", "claude-haiku-4-5", DAY, (0, 0, 0, 0))

    assert _costs(store, ingest, unknown_model, unknown_provider, no_usage) == [None, None, None]


def test_a_span_that_is_no_model_call_costs_nothing_even_with_usage(store: EmbeddedStore, ingest: Ingest) -> None:
    span = _call("anthropic", "claude-haiku-4-5", DAY, (10, 0, 0, 1))
    span["attributes"][semconv.OPERATION_NAME] = "invoke_agent"

    assert _costs(store, ingest, span) == []


def test_prices_are_loaded_once_and_hand_made_ones_stay(store: EmbeddedStore) -> None:
    prices.load(store)
    store.command(
        "INSERT INTO $model_prices_src (Provider, Model, ValidTo, InputPrice, Source) "
        "VALUES ('acme', 'acme-1', '2149-06-06', 1, 'by hand')"
    )
    count = "SELECT count(), countIf(Source = 'by hand') FROM $model_prices_src"
    before = store.rows(count)
    prices.load(store)

    assert store.rows(count) == before
    assert before[0][1] == "1"


def test_prices_of_another_package_version_are_replaced(store: EmbeddedStore) -> None:
    store.command(
        "INSERT INTO $model_prices_src (Provider, Model, ValidTo, InputPrice, Source) "
        "VALUES ('anthropic', 'retired', '2149-06-06', 1, 'genai-prices 0.0.1')"
    )
    source = prices.load(store)

    assert store.rows("SELECT DISTINCT Source FROM $model_prices_src") == [[source]]
