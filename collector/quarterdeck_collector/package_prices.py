"""Prices of the ``genai-prices`` package as rows of ``model_prices_src``; as a program, it prints JSON lines."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final

from quarterdeck.price_file import FIRST_DAY, LAST_DAY

PROVIDER_NAMES: Final = {
    "anthropic": ("anthropic", ""),
    "google": (
        *("gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai", "google", "gemini", "vertex_ai", "vertexai", ""),
        *("google_genai", "google_vertexai", "google.generative-ai", "google.vertex", "google-vertex", "google-gla"),
    ),
    "openai": ("openai", "openai.chat", "openai.responses", ""),
    "azure": ("azure", "azure.ai.openai", "azure.ai.inference", "az.ai.openai", "az.ai.inference"),
    "aws": ("aws", "aws.bedrock", "aws_bedrock", "bedrock", "amazon-bedrock"),
    "mistral": ("mistral", "mistral_ai", "mistralai"),
    "x-ai": ("x-ai", "x_ai", "xai"),
}
"""What spans call a provider of genai-prices; '' stands for spans that name none."""

_KINDS: Final = {
    "Input": "input_mtok",
    "CacheRead": "cache_read_mtok",
    "CacheWrite": "cache_write_mtok",
    "CacheWriteHour": "cache_write_1h_mtok",
    "Output": "output_mtok",
}


def rows() -> Iterator[dict[str, Any]]:
    """Give a row per provider name, model name and period; the first of two equal keys wins. Id names the model."""
    from genai_prices.data_snapshot import get_snapshot

    seen: set[tuple[str, str, date]] = set()
    for provider in get_snapshot().providers:
        for model in provider.models:
            periods = list(_periods(model.prices))
            for provider_name in PROVIDER_NAMES.get(provider.id, (provider.id,)):
                for model_name in _names(model):
                    for start, end, prices in periods:
                        key = (provider_name, model_name, start)
                        if key not in seen:
                            seen.add(key)
                            yield {"Id": model.id.lower(), **_row(key, end, prices)}


def _row(key: tuple[str, str, date], end: date, prices: dict[str, float]) -> dict[str, Any]:
    provider, model, start = key
    return {"Provider": provider, "Model": model, "ValidFrom": str(start), "ValidTo": str(end), **prices}


def _names(model: Any) -> Iterable[str]:
    """Every name that genai-prices knows literally; ClickHouse strips dates and paths from the others."""
    return dict.fromkeys([model.id.lower(), *_literals(model.match)])


def _literals(match: Any) -> Iterator[str]:
    for attribute in ("equals", "starts_with", "contains"):
        if text := getattr(match, attribute, None):
            yield text.lower()
    for clause in getattr(match, "or_", ()):
        yield from _literals(clause)


def _periods(prices: Any) -> Iterator[tuple[date, date, dict[str, float]]]:
    """Split conditional prices by date; those that depend on the time of day count as standard price."""
    from genai_prices.types import ConditionalPrice, StartDateConstraint

    if not isinstance(prices, list):
        prices = [ConditionalPrice(prices=prices)]
    starts = [
        (item.constraint.start_date if item.constraint else FIRST_DAY, item.prices)
        for item in prices
        if item.constraint is None or isinstance(item.constraint, StartDateConstraint)
    ]
    if starts and starts[0][0] != FIRST_DAY:  # before all dates the first one holds
        starts[0] = (FIRST_DAY, starts[0][1])
    for number, (start, standing) in enumerate(starts):
        end = starts[number + 1][0] - timedelta(days=1) if number + 1 < len(starts) else LAST_DAY
        if start <= end and (columns := _columns(standing)):
            yield start, end, columns


def _columns(prices: Any) -> dict[str, float]:
    """USD per million tokens, base and tier; empty where nothing is known or the table cannot hold all tiers."""
    known = {name: prices.__dict__.get(key) for name, key in _KINDS.items()}
    thresholds = {tier.start for price in known.values() for tier in getattr(price, "tiers", ())}
    if (known["Input"] is None and known["Output"] is None) or len(thresholds) > 1:
        return {}
    for part, otherwise in (("CacheRead", "Input"), ("CacheWrite", "Input"), ("CacheWriteHour", "CacheWrite")):
        if known[part] is None:  # no price of its own
            known[part] = known[otherwise]
    columns: dict[str, float] = {"TierAbove": max(thresholds, default=0)}
    for name, price in known.items():
        base = getattr(price, "base", price) or 0
        tiers = getattr(price, "tiers", ())
        columns[f"{name}Price"] = float(base)
        columns[f"Tier{name}Price"] = float(tiers[0].price if tiers else base)
    return columns


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(f"{json.dumps(row)}\n")
