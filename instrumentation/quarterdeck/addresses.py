"""Who this program is and where its telemetry goes, as far as nobody says."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace.export import SpanExporter

log: Final = logging.getLogger("quarterdeck")

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
_RUNNER: Final = "http://127.0.0.1:8700"


def default_endpoint() -> str:
    """Base URL of the collector that the environment names, else that of this machine."""
    environ = os.environ
    own = environ.get("QUARTERDECK_ENDPOINT")
    return own if own is not None else environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT


def base_url(url: str, what: str) -> str:
    """Give the part of an OTLP URL before the signal; nothing, loudly, if it is none."""
    base = url.strip().rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/logs").rstrip("/")
    if base and not is_http(base):
        log.warning("the %s URL %r is no http(s) URL: nothing is sent there", what, url)
        return ""
    return base


def is_http(url: str) -> bool:
    """Whether this is a URL that can be posted to."""
    parts = urlsplit(url.strip())
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def default_service_name() -> str:
    """Name of this program: as the environment says, else of its script."""
    named = os.environ.get("OTEL_SERVICE_NAME")
    if named:
        return named
    script = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in {"", "-c"} else ""
    return script if script and script != "__main__" else "python"


def checked_exporters(exporters: Sequence[SpanExporter | str]) -> tuple[SpanExporter | str, ...]:
    """Give the exporters back if they are exporters and URLs.

    Raises:
        ValueError: they are something else; the message says what to pass.
    """
    single = isinstance(exporters, (SpanExporter, str))
    if single or not all(isinstance(item, (SpanExporter, str)) for item in exporters):
        raise ValueError("exporters must be a sequence of opentelemetry.sdk.trace.export.SpanExporter or base URLs")
    for url in (item for item in exporters if isinstance(item, str)):
        if not is_http(url):
            raise ValueError(
                f"exporters must be a sequence of exporters or of URLs like 'http://jaeger:4318', not {url!r}"
            )
    return tuple(exporters)


def runner_to_obey(url: str | None, control: bool | None) -> str | None:
    """The runner's address as ``init`` goes on with it: as given, a default where control is wished for, or ``""``.

    Raises:
        ValueError: if ``control`` is neither of both nor None.
    """
    if control is None:
        return url
    if not isinstance(control, bool):
        raise ValueError(f"control must be True or False, not {type(control).__name__}")  # noqa: TRY004 - as for the others
    return (url or os.environ.get("QUARTERDECK_RUNNER_URL", "").strip() or _RUNNER) if control else ""
