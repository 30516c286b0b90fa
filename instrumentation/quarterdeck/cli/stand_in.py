"""Where model calls go when there is no provider key: to the local stand-in, and how programs are told."""

import os
from collections.abc import Mapping
from pathlib import Path

from quarterdeck import semconv

_KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}


def missing_keys(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Names of the providers for which the environment holds no key."""
    return [name for name, variables in _KEYS.items() if not any(environ.get(v) for v in variables)]


def stand_in_environment(base_url: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that send the calls of every provider without a key to the stand-in.

    A provider whose key is set keeps its real address. The resource attribute
    ``quarterdeck.provider.stand_in`` marks all telemetry of the process, so that the dashboard can say
    who answers.

    Args:
        base_url: address of the stand-in, such as ``http://127.0.0.1:8790``.
        environ: the environment to look for keys in.
    """
    missing = missing_keys(environ)
    if not missing:
        return {}
    attributes = [environ.get("OTEL_RESOURCE_ATTRIBUTES", ""), f"{semconv.PROVIDER_STAND_IN}=true"]
    result = {"OTEL_RESOURCE_ATTRIBUTES": ",".join(part for part in attributes if part)}
    if "anthropic" in missing:
        result |= {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "stand-in"}
    if "gemini" in missing:
        result |= {"GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_API_KEY": "stand-in"}
    return result


def examples_folder() -> Path:
    """The examples that ship with Quarterdeck, in a wheel or in a checkout.

    Raises:
        FileNotFoundError: this installation has none.
    """
    from importlib.util import find_spec

    spec = find_spec("quarterdeck_runner")
    roots = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    candidates = [root / "demo" / "examples" for root in roots] + [root.parents[1] / "examples" for root in roots]
    for folder in candidates:
        if (folder / "pipelines").is_dir():
            return folder
    raise FileNotFoundError("the examples are not part of this installation: pip install 'quarterdeck[all]'")
