"""What calls cost in USD: by ``genai-prices``."""

from typing import Final

from quarterdeck_runner.models import Provider

_NAMES: Final[dict[Provider, str]] = {"claude": "anthropic", "gemini": "google"}
"""What the package calls a provider."""


class Prices:
    """Prices of models."""

    def known(self, provider: Provider, model: str) -> bool:
        """Whether calls of a model have a price."""
        return self.cost(provider, model, input_tokens=1, output_tokens=1) is not None

    def cost(self, provider: Provider, model: str, *, input_tokens: int, output_tokens: int) -> float | None:
        """USD of a call; ``None`` where the price is not known or no token was used.

        Args:
            provider: whom the call asks.
            model: id that the provider knows.
            input_tokens: tokens of the whole prompt.
            output_tokens: tokens of the answer, thinking included.
        """
        from genai_prices import Usage, calc_price

        if input_tokens + output_tokens == 0:
            return None
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        try:
            return float(calc_price(usage, model, provider_id=_NAMES[provider]).total_price)
        except LookupError:
            return None
