"""A listening socket, made before the server starts, so that a taken port is our own error."""

import socket


def listen(host: str, port: int) -> socket.socket:
    """Bind ``host:port`` (port 0: a free one) and give the socket.

    Raises:
        OSError: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.set_inheritable(True)
    except OSError:
        sock.close()
        raise
    return sock
