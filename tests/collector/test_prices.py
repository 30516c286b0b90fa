"""The cost that ClickHouse computes is the one that genai-prices computes."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from quarterdeck import price_file, semconv
from quarterdeck.price_file import PriceFileError
from quarterdeck_collector import prices
from quarterdeck_collector.store import EmbeddedStore
from quarterdeck_runner.models import Provider
from quarterdeck_runner.prices import Prices as RunnerPrices
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


OWN = """
[[price]]
provider = "anthropic"
model = "claude-haiku-4-5"
input = 100
output = 200.5
valid_from = 2026-02-01
valid_to = 2026-02-28

[[price]]
provider = ["acme", "acme.cloud"]
model = ["Acme-1", "acme-2"]
output = 3.0
tier = {above = 1000, output = 5.0}
"""
BEFORE = datetime(2026, 1, 31, 12, tzinfo=UTC)
AFTER = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return path


def test_own_prices_win_for_their_days_and_all_names_of_the_model(
    store: EmbeddedStore, ingest: Ingest, tmp_path: Path
) -> None:
    haiku, other_name = "claude-haiku-4-5", "claude-4.5-haiku"
    tokens = (1000, 0, 0, 100)
    cases = [(haiku, BEFORE), (haiku, DAY), (other_name, DAY), (haiku, AFTER)]
    spans = [_call("anthropic", model, when, tokens) for model, when in cases]
    spans += [_call("acme.cloud", "acme-1", DAY, (1000, 0, 0, 100)), _call("acme", "acme-2", DAY, (1001, 0, 0, 100))]

    source = prices.load(store, _own(tmp_path, OWN))
    assert re.fullmatch(r"prices\.toml [0-9a-f]{8} over genai-prices [0-9.]+", source)
    ingest(otlp.traces(*({**span, "name": f"{number:03d}"} for number, span in enumerate(spans))))

    usual = _expected("anthropic", haiku, BEFORE, tokens)
    own = (1000 * 100 + 100 * 200.5) / 1e6
    rows = store.json_rows(
        "SELECT Cost, PriceModel FROM $model_calls JOIN $otel_traces USING (TraceId, SpanId) ORDER BY SpanName"
    )
    assert [row["Cost"] for row in rows] == pytest.approx([usual, own, own, usual, 3e-4, 5e-4], rel=1e-12)
    assert [row["PriceModel"] for row in rows] == [haiku, haiku, other_name, haiku, "acme-1", "acme-2"]


def test_the_runner_counts_as_the_collector_does(store: EmbeddedStore, ingest: Ingest, tmp_path: Path) -> None:
    file = _own(tmp_path, OWN.replace('"acme",', '"google", "anthropic",'))
    cases = [case for case in CASES if case[3][1] == case[3][2] == 0]
    cases += [
        ("anthropic", name, when, (1000, 0, 0, 100)) for name in ("claude-4.5-haiku", "x") for when in (DAY, AFTER)
    ]
    cases += [("gcp.gemini", "acme-1", DAY, (1001, 0, 0, 100)), ("anthropic", "acme-2", DAY, (1000, 0, 0, 100))]
    prices.load(store, file)
    ingest(otlp.traces(*({**_call(*case), "name": f"{number:03d}"} for number, case in enumerate(cases))))
    counted = store.json_rows(
        "SELECT Cost FROM $model_calls JOIN $otel_traces USING (TraceId, SpanId) ORDER BY SpanName"
    )

    ours = RunnerPrices(file)
    names: dict[str, Provider] = {"anthropic": "claude", "gcp.gemini": "gemini"}
    costs = [
        ours.cost(names[provider], model, input_tokens=tokens[0], output_tokens=tokens[3], when=when)
        for provider, model, when, tokens in cases
    ]
    assert [cost or -1 for cost in costs] == pytest.approx([row["Cost"] or -1 for row in counted], rel=1e-12)
    assert costs.count(None) == 2


def test_own_prices_go_with_their_file(store: EmbeddedStore, tmp_path: Path) -> None:
    everything = "SELECT * EXCEPT (Updated) FROM $model_prices_src FINAL ORDER BY ALL"
    prices.load(store)
    packaged = store.json_rows(everything)
    prices.load(store, _own(tmp_path, OWN))
    assert store.json_rows(everything) != packaged
    prices.load(store, _own(tmp_path, OWN.replace("200.5", "1")))
    prices.load(store)

    assert store.json_rows(everything) == packaged


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[price]", "is no TOML: "),
        ("[price]\n", "only [[price]] entries are known, not [price]"),
        ("currency = 1\n", "only [[price]] entries are known, not currency"),
        ('[[price]]\nmodel = "m"\ninput = 1\n', "price 1: provider must be a name or a list of names"),
        ('[[price]]\nprovider = "p"\nmodel = []\ninput = 1\n', "price 1: model must be a name or a list of names"),
        ('[[price]]\nprovider = "p"\nmodel = "m"\n', "price 1: give input, output or both, in USD per million tokens"),
        ('[[price]]\nprovider = "p"\nmodel = "m"\ninput = "3"\n', "price 1: input must be a number, USD per million"),
        ('[[price]]\nprovider = "p"\nmodel = "m"\ninput = -1\n', "price 1: input must be a number, USD per million"),
        ('[[price]]\nprovider = "p"\nmodel = "m"\ninptu = 1\n', "price 1: inptu is not known; known are cache_read"),
        (
            '[[price]]\nprovider = "p"\nmodel = "m"\ninput = 1\nvalid_to = "2026-01-01"\n',
            "price 1: valid_to must be a date such as 2026-01-31, without quotes",
        ),
        (
            '[[price]]\nprovider = "p"\nmodel = "m"\ninput = 1\nvalid_from = 2026-01-02\nvalid_to = 2026-01-01\n',
            "price 1: valid_to lies before valid_from",
        ),
        ('[[price]]\nprovider = "p"\nmodel = "m"\ninput = 1\ntier = 3\n', "price 1: tier must look like {above = "),
        (
            '[[price]]\nprovider = "p"\nmodel = "m"\ninput = 1\n' * 2,
            "price 2: m has a price in price 1 already",
        ),
    ],
)
def test_a_wrong_price_file_is_named_with_entry_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = _own(tmp_path, text)

    with pytest.raises(PriceFileError, match=re.escape(complaint)) as caught:
        price_file.read(path)
    assert str(path) in str(caught.value)


def test_the_package_is_read_in_another_process() -> None:
    code = """
import sys
from quarterdeck_collector import app, prices
list(prices._package_rows())
sys.exit('genai_prices' in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
