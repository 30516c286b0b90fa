"""Child processes of ``quarterdeck up``: start, wait until ready, end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck.cli import tied

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Service:
    """One program to run: a Python module with arguments, and the URL that answers 200 once it is ready.

    What only this one may know goes in ``environment``.
    """

    name: str
    module: str
    arguments: Sequence[str]
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Child:
    """A running service whose output goes to a log file."""

    def __init__(self, service: Service, environment: Mapping[str, str], logs: Path) -> None:
        self.service = service
        self.log = logs / f"{service.name}.log"
        with self.log.open("ab") as output:
            # Its own session: Ctrl-C reaches `up` alone, which then ends the children in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module names
                [sys.executable, "-m", tied.__name__, service.module, *service.arguments],
                stdin=subprocess.PIPE,  # nobody writes: it is closed when this process is gone, and so ends the child
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, **service.environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask it to end; does not wait."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until it has ended; after eight seconds end it the hard way."""
        try:
            self._process.wait(tied.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_until_ready(child: Child, seconds: float, stop: threading.Event) -> str:
    """Wait until a child answers its ready URL, or until ``stop`` is set.

    Returns:
        An empty string once it is ready (or the wait was stopped), else why it is not: it ended, or the
        time is over.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.is_set():
        code = child.exit_code()
        if code is not None:
            return f"{child.service.name} ended with exit code {code}"
        if answers(child.service.ready_url):
            return ""
        stop.wait(_POLL_SECONDS)
    return "" if stop.is_set() else f"{child.service.name} was not ready after {seconds:.0f} s"


def answers(url: str, seconds: float = 1.0) -> bool:
    """Whether a GET of ``url`` gives a 2xx within ``seconds``."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:  # noqa: S310 - our own http:// addresses
            return bool(200 <= response.status < 300)  # noqa: PLR2004 - the success class of HTTP
    except (urllib.error.URLError, OSError):
        return False


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port in TIME_WAIT of an earlier run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str, wanted: int) -> int:
    """``wanted`` if it is free, else any free port."""
    if port_is_free(host, wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment plus ``extra``, with unbuffered output."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **extra}
