"""Observe the Anthropic SDK: enrich the spans that it makes by itself (since 1.17), make ours where it makes none."""

import importlib.util
from typing import Any, Final

from anthropic import _base_client as base_client

from quarterdeck.providers import anthropic_calls, anthropic_tools
from quarterdeck.providers.patching import Patches

HAS_SPANS: Final = importlib.util.find_spec("anthropic._tracing") is not None
"""Whether the installed SDK can make spans."""

_patches: Final = Patches()


def instrument() -> None:
    """Observe every client: those made before only where the SDK makes no spans; doing it again changes nothing."""
    for owner, wrap in (
        (base_client.SyncAPIClient, anthropic_calls.wrap_request),
        (base_client.AsyncAPIClient, anthropic_calls.wrap_async_request),
    ):
        _patches.wrap(owner, "request", wrap)
        if HAS_SPANS:
            from quarterdeck.providers import anthropic_spans

            anthropic_spans.Observe.active = True
            _patches.wrap(owner, "__init__", anthropic_spans.wrap_init)
    _patches.wrap(base_client.BaseClient, "_build_request", anthropic_calls.wrap_build_request)
    anthropic_tools.instrument(_patches)


def instrument_client(client: Any) -> None:
    """Observe a client that exists already."""
    if HAS_SPANS:
        from quarterdeck.providers import anthropic_spans

        anthropic_spans.instrument_client(client)
    asynchronous = isinstance(client, base_client.AsyncAPIClient)
    request = anthropic_calls.wrap_async_request if asynchronous else anthropic_calls.wrap_request
    _patches.wrap(client, "request", request)
    _patches.wrap(client, "_build_request", anthropic_calls.wrap_build_request)
    anthropic_tools.instrument(_patches)


def uninstrument() -> None:
    """Put everything back: no client is observed any longer."""
    _patches.restore()
    if HAS_SPANS:
        from quarterdeck.providers import anthropic_spans

        anthropic_spans.Observe.active = False
