"""Where one signal goes and how: an address, and what the ``OTEL_EXPORTER_OTLP_*`` variables say of the way there."""

import hashlib
import logging
import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from opentelemetry.util.re import parse_env_headers

from quarterdeck import otel_variables

log: Final = logging.getLogger("quarterdeck")

Signal = Literal["traces", "logs"]

GRPC_SCHEMES: Final = ("grpc", "grpcs")
TIMEOUT_S: Final = 10.0
_HTTP_PORT: Final = 4318
_GRPC_PORT: Final = 4317
_COMPRESSIONS: Final = ("gzip", "deflate", "none")
_HEADER_OPTION: Final = "header."
_SURELY_MS: Final = 1_000


@dataclass(frozen=True)
class Target:
    """One signal's way to one endpoint.

    Args:
        signal: what goes there.
        url: the whole URL of a POST, or host and port for gRPC.
        grpc: whether it is spoken to over gRPC.
        secure: whether gRPC goes over TLS.
        headers: sent with every request; secrets.
        compression: ``gzip``, ``deflate`` or ``none``.
        timeout_s: seconds that one request may take.
        certificate: file of the certificates that vouch for the endpoint; empty: those of the machine.
        client_certificate: file of the certificate that this program shows; empty: none.
        client_key: file of its key.
        owner: a hash of what tells one owner of an endpoint from another; the token of our collector does not.
    """

    signal: Signal
    url: str
    grpc: bool = False
    secure: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    compression: str = "gzip"
    timeout_s: float = TIMEOUT_S
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""
    owner: str = ""

    @property
    def folder(self) -> str:
        """Name of the folder that keeps what waits for this target: never that of somebody else's account there."""
        digest = hashlib.sha256(f"{self.url} {self.owner}".encode()).hexdigest()[:12]
        host = urlsplit(self.url if "//" in self.url else f"//{self.url}").netloc.rpartition("@")[2]
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', host).strip('-')}-{self.signal}-{digest}"


def shown(address: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def absolute(address: str, signal: Signal = "traces") -> str:
    """Give an address its scheme: gRPC's may be written without, and are then over TLS unless a variable says not."""
    if not address or "://" in address or _protocol(signal) != "grpc":
        return address
    insecure = _variable(signal, "INSECURE").lower() == "true"
    return f"{'grpc' if insecure else 'grpcs'}://{address}"


def speaks_grpc(address: str, signal: Signal = "traces") -> bool:
    """Whether an address is spoken to over gRPC: its scheme, its port or the environment says so."""
    parts = urlsplit(address)
    protocol = _protocol(signal) or ("grpc" if parts.port == _GRPC_PORT else "")
    return parts.scheme in GRPC_SCHEMES or (protocol == "grpc" and parts.port != _HTTP_PORT)


def default_address() -> str:
    """The collector of this machine, at the port of the protocol that the environment asks for."""
    return f"http://127.0.0.1:{_GRPC_PORT if _protocol('traces') == 'grpc' else _HTTP_PORT}"


def target_of(address: str, signal: Signal, *, token: str = "", standard: bool = False, guest: bool = False) -> Target:
    """Say how a signal gets to an address.

    Args:
        address: base URL; ``?header.NAME=value`` adds a header.
        signal: what goes there.
        token: for a collector that asks for one; empty: none.
        standard: whether the address is the environment's, so that the one for this signal comes first.
        guest: whether it is one of further exporters, which the headers in the environment are not meant for.
    """
    own = absolute(otel_variables.text(_names(signal, "ENDPOINT")[0]), signal) if standard else ""
    parts = urlsplit(own or address)
    grpc = speaks_grpc(own or address, signal)
    headers = {} if guest else dict(parse_env_headers(_variable(signal, "HEADERS"), liberal=True))
    headers |= {
        name.removeprefix(_HEADER_OPTION).lower(): value
        for name, value in parse_qsl(parts.query)
        if name.startswith(_HEADER_OPTION)
    }
    owner = hashlib.sha256(repr(sorted(headers.items())).encode()).hexdigest()[:12] if headers else ""
    headers |= bearer(token)
    where = parts._replace(query="", fragment="")
    return Target(
        signal=signal,
        url=parts.netloc if grpc else where.geturl() if own else f"{where.geturl().rstrip('/')}/v1/{signal}",
        grpc=grpc,
        secure=grpc and parts.scheme in {"https", "grpcs"},
        headers=tuple(headers.items()),
        compression=_compression(signal),
        timeout_s=_timeout(signal),
        certificate=_variable(signal, "CERTIFICATE"),
        client_certificate=_variable(signal, "CLIENT_CERTIFICATE"),
        client_key=_variable(signal, "CLIENT_KEY"),
        owner=owner,
    )


def _names(signal: Signal, what: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", f"OTEL_EXPORTER_OTLP_{what}"


def _variable(signal: Signal, what: str) -> str:
    return otel_variables.text(*_names(signal, what))


def _protocol(signal: Signal) -> str:
    said = _variable(signal, "PROTOCOL").lower()
    if said and said not in {"grpc", "http/protobuf"}:
        log.warning("OTEL_EXPORTER_OTLP_PROTOCOL is %r, of which nothing is known here: http/protobuf is used", said)
    return said


def _timeout(signal: Signal) -> float:
    said = otel_variables.seconds(_names(signal, "TIMEOUT"), TIMEOUT_S)
    # OpenTelemetry specifies milliseconds, its Python SDK reads seconds: nobody means a quarter of an hour.
    return said / 1_000 if said >= _SURELY_MS else said


def _compression(signal: Signal) -> str:
    said = _variable(signal, "COMPRESSION").lower() or "gzip"
    if said in _COMPRESSIONS:
        return said
    log.warning("OTEL_EXPORTER_OTLP_COMPRESSION is %r, not one of %s: gzip is used", said, ", ".join(_COMPRESSIONS))
    return "gzip"


def bearer(token: str) -> dict[str, str]:
    """Headers that carry a token; none without one."""
    return {"authorization": f"Bearer {token}"} if token else {}
