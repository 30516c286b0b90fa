"""What ``opentelemetry-instrument`` finds: the provider wrappers as standard instrumentors.

Only this module needs the package ``opentelemetry-instrumentation``, which is there whenever somebody looks for it.
"""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # hides its types

from quarterdeck import providers


class AnthropicInstrumentor(BaseInstrumentor):  # type: ignore[misc] # as above
    """Observe clients of ``anthropic``."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Which versions are observed."""
        return ("anthropic >= 0.52",)

    def _instrument(self, **_: Any) -> None:
        providers.instrument_on_import("anthropic")

    def _uninstrument(self, **_: Any) -> None:
        providers.uninstrument("anthropic")


class GoogleGenAiInstrumentor(BaseInstrumentor):  # type: ignore[misc] # as above
    """Observe clients of ``google-genai``."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Which versions are observed."""
        return ("google-genai >= 1.0",)

    def _instrument(self, **_: Any) -> None:
        providers.instrument_on_import("google.genai")

    def _uninstrument(self, **_: Any) -> None:
        providers.uninstrument("google.genai")
