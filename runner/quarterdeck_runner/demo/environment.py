"""Who answers the model calls of the examples, and the environment that tells them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from quarterdeck import semconv
from quarterdeck.cli.stand_in import missing_keys, stand_in_environment

_BASE_URLS = {"anthropic": "ANTHROPIC_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_MARK = f"{semconv.PROVIDER_STAND_IN}=true"
_RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"


@dataclass(frozen=True)
class Providers:
    """Who answers for each provider.

    Attributes:
        real: providers that answer themselves, and cost money.
        stand_in: providers for which the stand-in answers.
    """

    real: tuple[str, ...]
    stand_in: tuple[str, ...]


def stand_in_needed(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether some provider has no key."""
    return bool(missing_keys(environ))


def loopback_url(environ: Mapping[str, str] = os.environ) -> str:
    """The address on this machine to which a provider's client is already pointed; empty if there is none."""
    urls = (environ.get(variable, "") for variable in _BASE_URLS.values())
    return next((url for url in urls if _is_loopback(url)), "")


def provider_environment(base_url: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that send the calls of every provider without a key to the stand-in, and mark the telemetry.

    Args:
        base_url: address of the stand-in.
        environ: the environment to look for keys and addresses in.
    """
    result = stand_in_environment(base_url, environ)
    attributes = result.get(_RESOURCE, environ.get(_RESOURCE, ""))
    if not result and base_url not in {environ.get(variable) for variable in _BASE_URLS.values()}:
        return {}
    if _MARK not in attributes.split(","):
        attributes = ",".join(part for part in (attributes, _MARK) if part)
    return {**result, _RESOURCE: attributes}


def providers(environ: Mapping[str, str], stand_in_url: str) -> Providers:
    """Tell who answers, given an environment as the examples get it.

    Args:
        environ: the environment, with what :func:`provider_environment` adds.
        stand_in_url: address of the stand-in; empty when there is none.
    """
    ours = tuple(
        name for name, variable in _BASE_URLS.items() if stand_in_url and environ.get(variable) == stand_in_url
    )
    return Providers(tuple(name for name in _BASE_URLS if name not in ours), ours)


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK if url else False
