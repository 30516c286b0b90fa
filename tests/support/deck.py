"""The whole deck as a user starts it: ``quarterdeck up`` as a child process on free ports."""

import itertools
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quarterdeck.cli.processes import port_is_free

_PORTS = ("otlp-http", "otlp-grpc", "clickhouse", "runner", "ui")
_BLOCK = 200
# Below the ports that the kernel gives to outgoing connections, and another range for each process, of this suite or of
# another one on the machine: between finding a port and listening on it nobody else takes it.
_first = 10_000 + os.getpid() % 110 * _BLOCK
_candidates = itertools.cycle(range(_first, _first + _BLOCK))


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens now, all different."""
    return list(itertools.islice(filter(partial(port_is_free, "127.0.0.1"), _candidates), count))


@dataclass
class Deck:
    """A running ``quarterdeck up``."""

    process: subprocess.Popen[str]
    ports: dict[str, int]
    data: Path
    said: list[str]

    def url(self, name: str) -> str:
        """Base URL of ``otlp-http``, ``otlp-grpc``, ``clickhouse``, ``runner`` or ``ui``."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def sql(self, query: str) -> str:
        """Ask the embedded ClickHouse over HTTP; rows as tab-separated text."""
        request = urllib.request.Request(self.url("clickhouse") + "/?database=quarterdeck", data=query.encode())  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
            return str(response.read().decode().strip())

    def environment(self) -> dict[str, str]:
        """What a user's program needs to reach this deck."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "QUARTERDECK_CLICKHOUSE_URL": self.url("clickhouse"),
            "QUARTERDECK_ENDPOINT": self.url("otlp-http"),
            "QUARTERDECK_RUNNER_URL": self.url("runner"),
        }

    def children(self) -> list[int]:
        """Process ids of the services that it started."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in listing.split()]

    def interrupt(self, seconds: float = 90) -> int:
        """Press Ctrl-C and give the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)


def command(ports: dict[str, int], data: Path, arguments: Sequence[str]) -> list[str]:
    """The command line of ``quarterdeck up`` on these ports."""
    flags = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    return [sys.executable, "-m", "quarterdeck", "up", "--data-dir", str(data), "--no-browser", *flags, *arguments]


@contextmanager
def running_deck(data: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[Deck]:
    """Start ``quarterdeck up``, wait for its addresses, and end it after the block."""
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    env |= {"QUARTERDECK_STAND_IN_PORT": str(free_ports(1)[0])} | (environment or {})
    process = subprocess.Popen(
        command(ports, data, arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    deck = Deck(process, ports, data, [])
    try:
        _read_until_up(deck)
        yield deck
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(90)
        finally:
            process.kill()
            if process.stdout:
                process.stdout.close()


def _read_until_up(deck: Deck) -> None:
    assert deck.process.stdout is not None
    deadline = time.monotonic() + 150
    for line in deck.process.stdout:
        deck.said.append(line.rstrip())
        if line.startswith("Ctrl-C ends everything"):
            return
        if time.monotonic() > deadline:
            break
    raise AssertionError("quarterdeck up did not come up:\n" + "\n".join(deck.said))
