"""Where the runner may be sent: only to addresses that its operator has named."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}

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


def checked(url: str) -> str:
    """Give an entry of the operator's list back.

    Raises:
        ValueError: it is no origin.
    """
    parts = _parts(url)
    if parts.path.strip("/"):
        raise ValueError(f"'{url}' is no origin: write scheme://host or scheme://host:port, without a path")
    if "*" in parts.netloc and (parts.scheme != "https" or not (parts.hostname or "").startswith("*.")):
        raise ValueError(f"'{url}' is no origin: a wildcard stands for the first part of an https host, once")
    return url


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the address is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
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
