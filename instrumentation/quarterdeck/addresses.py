"""Who this program is and where its telemetry goes, as far as nobody says."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace.export import SpanExporter

from quarterdeck.otel_variables import text
from quarterdeck.otlp_target import GRPC_SCHEMES, absolute, default_address, shown, speaks_grpc
from quarterdeck.over_grpc import INSTALL, installed

log: Final = logging.getLogger("quarterdeck")

_RUNNER: Final = "http://127.0.0.1:8700"


def default_endpoint() -> tuple[str, bool]:
    """Base URL of the collector that the environment names, else that of this machine; whether OTel's variables do."""
    own = os.environ.get("QUARTERDECK_ENDPOINT")
    if own is not None:
        return own, False
    return absolute(text("OTEL_EXPORTER_OTLP_ENDPOINT")) or default_address(), True


def base_url(url: str, what: str, *, otlp: bool = True) -> str:
    """Give the part of a URL before the signal; nothing, loudly, if nothing can be sent there.

    Args:
        url: an address, as the user wrote it.
        what: what it is, for the log line.
        otlp: whether gRPC is an answer.
    """
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/logs").rstrip("/")
    base = parts._replace(path=path).geturl()
    if base and not (is_otlp(base) if otlp else is_http(base)):
        log.warning("the %s URL %r is no http(s) URL: nothing is sent there", what, shown(url))
        return ""
    if base and otlp and speaks_grpc(base) and not installed():
        log.warning("nothing is sent to %s: %s", shown(base), INSTALL)
        return ""
    return base


def is_http(url: str) -> bool:
    """Whether this is a URL that can be posted to."""
    parts = urlsplit(url.strip())
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def is_otlp(url: str) -> bool:
    """Whether OTLP can be spoken to this URL."""
    parts = urlsplit(url.strip())
    return is_http(url) or (parts.scheme in GRPC_SCHEMES and bool(parts.netloc))


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
        if not is_otlp(url):
            raise ValueError(
                "exporters must be a sequence of exporters or of URLs like 'http://jaeger:4318' or "
                f"'grpc://tempo:4317', not {shown(url)!r}"
            )
        check_installed(url)
    return tuple(exporters)


def check_installed(url: str) -> None:
    """See that what an address is spoken to with is there.

    Raises:
        ValueError: it is not; the message says what to install.
    """
    if speaks_grpc(url) and not installed():
        raise ValueError(f"{shown(url)}: {INSTALL}")


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
