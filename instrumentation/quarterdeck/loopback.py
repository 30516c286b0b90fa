"""Which addresses only this machine can reach."""

import ipaddress


def require_loopback(host: str, danger: str) -> str:
    """Give ``host`` back if only this machine can reach it.

    Args:
        host: an address, or ``localhost``.
        danger: what whoever reaches the service could do, for the message.

    Raises:
        ValueError: other machines can reach it.
    """
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise ValueError(
            f"{host} can be reached from other machines, and whoever reaches it can {danger}; listen on 127.0.0.1, "
            "::1 or localhost, and put a proxy that checks who is asking in front"
        )
    return host
