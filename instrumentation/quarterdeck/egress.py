"""Where a service may be sent: to addresses that its operator has named, or to public ones, checked and held fast."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443, "smtp": 587, "smtps": 465}
_WEB: Final = frozenset({"http", "https"})

Resolve = Callable[[str], Iterable[str]]


def resolve(host: str) -> list[str]:
    """Addresses of a host, as this machine finds them.

    Raises:
        OSError: there is none.
    """
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})


class Egress:
    """The operator's list of addresses that a key may be sent to instead of its provider's own.

    An origin such as ``http://10.0.0.7:4000`` is taken as it is. A wildcard such as ``https://*.example.org`` stands
    for many machines, of which the operator knows not every one: only https, and only public addresses.

    Args:
        allowed: origins.
        resolver: gives the addresses of a host.
    """

    def __init__(self, allowed: Iterable[str] = (), resolver: Resolve = resolve) -> None:
        self._allowed = [_parts(each) for each in allowed]
        self._resolve = resolver

    def trouble(self, url: str) -> str:
        """Say why nothing is sent to an address; an empty text if it may be.

        Args:
            url: base URL.
        """
        try:
            parts = _parts(url)
        except ValueError as error:
            return str(error)
        if any(_origin(parts) == _origin(allowed) for allowed in self._allowed):
            return ""
        if not any(_matches(parts, allowed) for allowed in self._allowed):
            return (
                f"'{parts.scheme}://{parts.netloc}' is not among the addresses that keys may be sent to: the operator "
                "names them with --provider-urls / QUARTERDECK_PROVIDER_URLS"
            )
        return self._private(parts.hostname or "")

    def _private(self, host: str) -> str:
        try:
            found = list(self._resolve(host))
        except OSError:
            return f"'{host}' has no address"
        inside = [address for address in found if not is_public(address)]
        if inside:
            return (
                f"'{host}' leads to {inside[0]}, which is no public address: the operator may allow it by naming this "
                "origin itself, without a wildcard"
            )
        return ""


class EgressError(Exception):
    """Nothing is sent to an address; the message says why and what to do."""


@dataclass(frozen=True)
class Destination:
    """Where something is sent: a host, and the one of its addresses that was checked.

    Args:
        scheme: http, https, smtp or smtps.
        host: name or address, as it was given.
        port: number.
        address: IP address to connect to, so that the name cannot lead elsewhere a moment later.
    """

    scheme: str
    host: str
    port: int
    address: str


class Outlets:
    """Lets what users name be reached if it is public, and the origins that the operator has named besides.

    Args:
        allowed: origins, such as ``http://10.0.0.7:4000`` or ``smtp://mail.internal:25``.
        remedy: how the operator names more.
        resolver: gives the addresses of a host.
    """

    def __init__(self, allowed: Iterable[str] = (), remedy: str = "", resolver: Resolve = resolve) -> None:
        self._allowed = {_origin(_parts(each, _PORTS)) for each in allowed}
        self._remedy = remedy
        self._resolve = resolver

    def destination(self, url: str) -> Destination:
        """Look up where a URL leads; blocks.

        Args:
            url: whole URL; its path and query do not matter here.

        Raises:
            EgressError: nothing may be sent there, or the host has no address.
        """
        bare = url.partition("#")[0].partition("?")[0]
        try:
            parts = _parts(bare, _PORTS)
        except ValueError as error:
            raise EgressError(str(error)) from None
        scheme, host, port = _origin(parts)
        try:
            found = list(self._resolve(host))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise EgressError(f"'{host}' has no address")
        inside = [address for address in found if not is_public(address)]
        if inside and (scheme, host, port) not in self._allowed:
            raise EgressError(
                f"'{host}' leads to {inside[0]}, which is no public address: the operator may allow "
                f"{scheme}://{parts.netloc} {self._remedy}".rstrip()
            )
        return Destination(scheme, host, port, found[0])


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from everywhere: not private, not link-local, no cloud's metadata service."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found.sixtofour is not None:
            return is_public(str(found.sixtofour))
    return found.is_global and not found.is_multicast


def checked(url: str, *, mail: bool = False) -> str:
    """Give an entry of the operator's list back.

    Args:
        url: the entry.
        mail: whether smtp:// and smtps:// are origins too.

    Raises:
        ValueError: it is no origin.
    """
    parts = _parts(url, _PORTS if mail else _WEB)
    if parts.path.strip("/"):
        raise ValueError(f"'{url}' is no origin: write scheme://host or scheme://host:port, without a path")
    if "*" in parts.netloc and (parts.scheme != "https" or not (parts.hostname or "").startswith("*.")):
        raise ValueError(f"'{url}' is no origin: a wildcard stands for the first part of an https host, once")
    return url


def _parts(url: str, schemes: Iterable[str] = _WEB) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the address is no URL") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError("an address begins with https:// or http:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no user and no password: set them as the key")
    if parts.query or parts.fragment or any(ord(letter) <= ord(" ") or letter == "\\" for letter in url) or port == 0:
        raise ValueError("an address is scheme://host, a port and a path, and nothing else")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]


def _matches(parts: SplitResult, allowed: SplitResult) -> bool:
    (scheme, host, port), (wanted_scheme, pattern, wanted_port) = _origin(parts), _origin(allowed)
    if not pattern.startswith("*.") or (scheme, port) != (wanted_scheme, wanted_port):
        return False
    return host.endswith(pattern[1:]) and "*" not in host
