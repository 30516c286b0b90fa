"""Endpoints to forward to, as they are written in the settings."""

import hashlib
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES

SIGNALS: Final = (TRACES.name, LOGS.name, METRICS.name)
SMALLEST_VALUE_BYTES: Final = 64
"""A shorter value has no room for the mark that it was trimmed."""

_STANDARD_PORTS: Final = {"https": 443, "grpcs": 443}
_SCHEMES: Final = ("http", "https", "grpc", "grpcs")
_HEADER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.\-]*")


class TargetError(ValueError):
    """An endpoint that cannot be forwarded to; the message never shows a header."""


@dataclass(frozen=True)
class Target:
    """One endpoint.

    Args:
        scheme: ``http``, ``https``, ``grpc`` or ``grpcs``.
        host: Name or address.
        port: TCP port.
        path: What comes before ``/v1/traces``; HTTP only.
        headers: Sent with every request; secrets.
        signals: Which signals go there.
        max_value_bytes: Longer attribute values are trimmed to this; 0 trims none.
        max_request_bytes: Larger requests are divided.
        timeout: Seconds that one request may take.
        compress: Whether requests are compressed with gzip.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    signals: tuple[str, ...] = SIGNALS
    max_value_bytes: int = 0
    max_request_bytes: int = 4_000_000
    timeout: float = 10.0
    compress: bool = True

    @property
    def address(self) -> str:
        """Host and port, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """What people see: the URL without options, which may hold secrets."""
        return f"{self.scheme}://{self.address}{self.path}"

    @property
    def is_grpc(self) -> bool:
        """Whether it is spoken to over gRPC."""
        return self.scheme.startswith("grpc")

    @property
    def is_secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme.endswith("s")

    @property
    def folder(self) -> str:
        """Name of its folder, which stays the same when its options change."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', f'{self.host}-{self.port}').strip('-')}-{digest}"


def parse_targets(urls: Iterable[str]) -> tuple[Target, ...]:
    """Read endpoints.

    Args:
        urls: One URL each.

    Raises:
        TargetError: If one cannot be forwarded to, or is there twice.
    """
    targets = tuple(map(parse_target, urls))
    names = [target.name for target in targets]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TargetError(f"{', '.join(sorted(twice))} is there twice")
    return targets


def parse_target(url: str) -> Target:
    """Read one endpoint, such as ``grpc://tempo:4317?max_value_bytes=2048``.

    Args:
        url: ``http``, ``https``, ``grpc`` or ``grpcs`` URL; options are its query parameters.

    Raises:
        TargetError: If it cannot be forwarded to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"one of the endpoints is no URL: {error}") from None
    shown = f"{parts.scheme}://{parts.hostname or ''}{f':{port}' if port else ''}{parts.path}"
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise TargetError(f"{shown} is no endpoint; write {'://, '.join(_SCHEMES)}:// followed by host and port")
    if parts.username is not None or parts.password is not None:
        raise TargetError(f"{shown}: give credentials as ?header.authorization=…, not before the host")
    if parts.fragment:
        raise TargetError(f"{shown}: a # has no meaning here; write %23 in the value of an option")
    port = port or _STANDARD_PORTS.get(parts.scheme)
    if not port:
        raise TargetError(f"{shown}: add the port, such as {parts.scheme}://{parts.hostname}:{_usual_port(parts)}")
    path = parts.path.rstrip("/")
    if path and parts.scheme.startswith("grpc"):
        raise TargetError(f"{shown}: gRPC has no path; remove {path}")
    if re.search(r"/v1/(traces|logs|metrics)$", path):
        raise TargetError(f"{shown}: leave out {path[path.rindex('/v1/') :]}, which is added for each signal")
    return Target(parts.scheme, parts.hostname, port, path, **_options(parts.query, shown))


def _usual_port(parts: SplitResult) -> int:
    return 4317 if parts.scheme == "grpc" else 4318


def _options(query: str, shown: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    headers: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise TargetError(f"{shown}: write options as ?name=value&name=value") from None
    for name, value in pairs:
        if name.startswith("header."):
            headers[_header_name(name.removeprefix("header."), shown)] = _header_value(name, value, shown)
            continue
        if name not in _OPTIONS:
            raise TargetError(f"{shown}: there is no option {name}; there are {', '.join(_OPTIONS)}, header.NAME")
        if name in found:
            raise TargetError(f"{shown}: option {name} is there twice")
        read, expected = _OPTIONS[name]
        try:
            found[name] = read(value)
        except (ValueError, KeyError):
            raise TargetError(f"{shown}: {name} should be {expected}, not {value!r}") from None
    return {**found, "headers": tuple(headers.items())}


def _header_name(name: str, shown: str) -> str:
    if not _HEADER_NAME.fullmatch(name.lower()) or name.lower().startswith("grpc-") or name.lower().endswith("-bin"):
        raise TargetError(f"{shown}: {name!r} is no name of a header")
    return name.lower()


def _header_value(name: str, value: str, shown: str) -> str:
    if not value or not value.isascii() or not value.isprintable():
        raise TargetError(f"{shown}: {name} should have a value of printable ASCII characters")
    return value


def _number(smallest: int, largest: int, also: int | None = None) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if number != also and not smallest <= number <= largest:
            raise ValueError
        return number

    return read


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 600:  # noqa: PLR2004 - said in the message
        raise ValueError
    return seconds


def _signals(text: str) -> tuple[str, ...]:
    names = text.split(",")
    if unknown := set(names) - set(SIGNALS):
        raise ValueError(unknown)
    return tuple(name for name in SIGNALS if name in names)


_OPTIONS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "signals": (_signals, f"some of {','.join(SIGNALS)}"),
    "max_value_bytes": (
        _number(SMALLEST_VALUE_BYTES, 1 << 30, also=0),
        f"0 or a number of bytes from {SMALLEST_VALUE_BYTES}",
    ),
    "max_request_bytes": (_number(10_000, 1 << 30), "a number of bytes from 10000"),
    "timeout": (_seconds, "a number of seconds from 0.1 to 600"),
    "compress": ({"true": True, "false": False}.__getitem__, "true or false"),
}


def refuse_own_addresses(targets: Iterable[Target], own: Sequence[tuple[str, int]]) -> None:
    """Stop a collector from forwarding to itself.

    Args:
        targets: Where to forward.
        own: Hosts and ports that this collector receives on.

    Raises:
        TargetError: If one of the endpoints is one of these.
    """
    for target in targets:
        if any(port == target.port and _is_same(host, target.host) for host, port in own):
            raise TargetError(
                f"{target.name} is this collector itself: it would forward in a circle; remove it from --forward"
            )


def _is_same(own: str, host: str) -> bool:
    ours, theirs = _addresses(own), _addresses(host)
    if any(ipaddress.ip_address(address).is_unspecified for address in ours):
        return any(map(_is_of_this_machine, theirs))
    return bool(ours & theirs)


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()  # a name that nobody knows yet
    return {str(address[0]).partition("%")[0] for *_, address in found}


def _is_of_this_machine(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
