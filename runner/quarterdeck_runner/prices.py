"""What calls cost in USD: by ``genai-prices``, or the user's own prices; the collector counts alike."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from quarterdeck import price_file
from quarterdeck_runner.models import Provider

_NAMES: Final[dict[Provider, tuple[str, ...]]] = {
    "claude": ("anthropic",),
    "gemini": ("google", "gcp.gemini", "gcp.gen_ai", "gemini"),
}
"""What price files call a provider; the first name is the one of genai-prices."""


class Prices:
    """Prices of models.

    Args:
        file: the user's own prices, as the collector reads them.

    Raises:
        PriceFileError: the file cannot be used.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._own = price_file.read(file).prices if file is not None else ()

    def known(self, provider: Provider, model: str) -> bool:
        """Whether calls of a model have a price."""
        return self.cost(provider, model, input_tokens=1, output_tokens=1) is not None

    def cost(
        self, provider: Provider, model: str, *, input_tokens: int, output_tokens: int, when: datetime | None = None
    ) -> float | None:
        """USD of a call; ``None`` where the price is not known or no token was used.

        Args:
            provider: whom the call asks.
            model: id that the provider knows.
            input_tokens: tokens of the whole prompt.
            output_tokens: tokens of the answer, thinking included.
            when: time of the call; now by default.
        """
        if input_tokens + output_tokens == 0:
            return None
        moment = when or datetime.now(UTC)
        name = model.removeprefix("models/").lower()
        own = self._own_price(provider, name, moment.date())
        if own is None:
            return _package_cost(provider, name, input_tokens, output_tokens, moment)
        tier = "Tier" if own.columns["TierAbove"] and input_tokens > own.columns["TierAbove"] else ""
        rates = own.columns[f"{tier}InputPrice"], own.columns[f"{tier}OutputPrice"]
        return (input_tokens * rates[0] + output_tokens * rates[1]) / 1e6

    def _own_price(self, provider: Provider, name: str, day: date) -> price_file.Price | None:
        if not self._own:
            return None
        # A price for a model that the package knows is meant for all its names.
        names = {name, _package_id(provider, name)}
        for price in self._own:
            named = names & set(price.models) and set(_NAMES[provider]) & set(price.providers)
            if named and price.start <= day <= price.end:
                return price
        return None


def _package_cost(
    provider: Provider, name: str, input_tokens: int, output_tokens: int, moment: datetime
) -> float | None:
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        found = calc_price(usage, name, provider_id=_NAMES[provider][0], genai_request_timestamp=moment)
    except LookupError:
        return None
    return float(found.total_price)


def _package_id(provider: Provider, name: str) -> str:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return str(get_snapshot().find_provider_model(name, None, _NAMES[provider][0], None)[1].id).lower()
    except LookupError:
        return name


_current: list[Prices] = [Prices()]


def use(prices: Prices) -> None:
    """Make these the prices of the process: what steps cost, limits and the validator go by them."""
    _current[:] = [prices]


def use_those_of(environ: Mapping[str, str]) -> None:
    """Make those that ``QUARTERDECK_PRICES`` names the prices of the process, if it names some.

    Raises:
        PriceFileError: the file cannot be used.
    """
    if path := environ.get("QUARTERDECK_PRICES", "").strip():
        use(Prices(Path(path)))


def current() -> Prices:
    """The prices of the process; those of the package until others are chosen."""
    return _current[0]
