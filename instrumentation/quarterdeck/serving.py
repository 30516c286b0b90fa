"""What every service does before it serves: refuse wrong settings and open doors, take its port, own its data."""

import contextlib
import fcntl
import ipaddress
import json
import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

INTERNAL_TOKEN: Final = "QUARTERDECK_INTERNAL_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable by which ``quarterdeck up`` gives its services a token of this start only."""

TOKEN_PREFIX: Final = "qdt_"  # noqa: S105 - no token yet

_TRIES: Final = 5
_PAUSE_S: Final = 0.02
_LINE_BYTES: Final = 4096


class PortError(Exception):
    """A port cannot be listened on; the message says why and what to do."""


class InUseError(Exception):
    """Another process owns what this one needs; the message names it."""


def new_token() -> str:
    """Make a token that nobody has; its beginning lets people and redaction rules recognise one."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    Args:
        host: an address, or ``localhost``.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_loopback(host: str, danger: str) -> str:
    """Give ``host`` back if only this machine can reach it.

    Args:
        host: an address, or ``localhost``.
        danger: what whoever reaches the service could do, for the message.

    Raises:
        ValueError: other machines can reach it.
    """
    if not is_loopback(host):
        raise ValueError(
            f"{host} can be reached from other machines, and whoever reaches it can {danger}; listen on 127.0.0.1, "
            "::1 or localhost, and put a proxy that checks who is asking in front"
        )
    return host


def wrong_settings(problems: Iterable[Mapping[str, Any]]) -> str:
    """One line per wrong setting, each beginning with its flag.

    Args:
        problems: pydantic's ``ValidationError.errors()``.
    """
    return "\n".join(
        f"--{'-'.join(map(str, each['loc'])).replace('_', '-')}: {each['msg'].removeprefix('Value error, ')}"
        for each in problems
    )


def listen(host: str, port: int, flag: str) -> socket.socket:
    """Take a port.

    Args:
        host: an address of this machine.
        port: 0 takes a free one.
        flag: name of the setting, such as ``runner-port``, for the message.

    Raises:
        PortError: the port is in use or not allowed.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        variable = f"QUARTERDECK_{flag.upper().replace('-', '_')}"
        raise PortError(
            f"port {port} is in use on {host} or cannot be opened ({error.strerror}); stop the program that uses it "
            f"or choose another with --{flag} / {variable}"
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Base URL of a server that listens there."""
    return url_at(listener.getsockname()[:2])


def url_at(address: tuple[str, int]) -> str:
    """Base URL of a server at this host and port."""
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True)
class Owner:
    """The process that owns something, in its own words.

    Args:
        pid: process id.
        since: when it became the owner, ISO 8601.
        url: base URL that it listens on; empty if it told none.
        token: a token of this start, good for everything there: whoever may read the lock file owns the data anyway.
    """

    pid: int
    since: str
    url: str = ""
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"process {self.pid}" + (f", {self.url}" if self.url else "") + f", since {self.since}"


@contextlib.contextmanager
def sole_owner(lock: Path, what: str, url: str = "", token: str = "") -> Iterator[None]:
    """Own something until the block ends; the lock goes with the process, however that ends.

    Args:
        lock: the lock file; its folder is made if missing.
        what: what is owned, for the message.
        url: where the owner listens, for :func:`owner_of`.
        token: what opens everything there, for :func:`owner_of`.

    Raises:
        InUseError: another process owns it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _locked(descriptor):
            raise InUseError(
                f"{what} is in use by {_read_owner(descriptor) or 'an unknown process'}; stop it or choose another "
                "with --data-dir / QUARTERDECK_DATA_DIR"
            )
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        _write_owner(descriptor, Owner(os.getpid(), since, url, token))
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def owner_of(lock: Path) -> Owner | None:
    """The live process that owns what this lock file stands for; None if there is none.

    Args:
        lock: the lock file.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock; more than one try, because whoever asks for the owner holds it for a moment."""
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def _write_owner(descriptor: int, owner: Owner) -> None:
    line = json.dumps(asdict(owner)).encode() + b"\n"
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))


def _read_owner(descriptor: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(descriptor, _LINE_BYTES, 0).partition(b"\n")[0]))
    except (ValueError, TypeError):
        return None
