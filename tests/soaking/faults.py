"""What goes wrong during a soak: one method a fault, each leaves a collector that is ready."""

import gzip
import os
import random
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from soaking.relay import Relay
from support import otlp
from support.collectors import PLAIN, CollectorProcess, addresses, launch, wait_for
from support.deck import free_ports

_SMALL_SPOOL: Final = ("--spool-max-bytes", "30000", "--segment-max-age", "3")
_LIMIT: Final = 300_000_000
"""More bytes than a collector unpacks."""
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class Home:
    """One collector after another on the same data and the same ports."""

    def __init__(self, data: Path) -> None:
        self.data = data
        http, grpc, clickhouse = free_ports(3)
        self._flags = (
            *("--otlp-http-port", str(http), "--otlp-grpc-port", str(grpc)),
            *("--clickhouse-port", str(clickhouse)),
        )
        self.faults: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.tracebacks: list[str] = []
        self.cut_connections = 0
        self.running = self.start()
        self._http, self._grpc = Relay(self.running.otlp), Relay(self.running.grpc)

    @property
    def reached(self) -> CollectorProcess:
        """The collector as clients reach it: over a network that can be cut."""
        return replace(self.running, otlp=self._http.address, grpc=self._grpc.address)

    def start(self, *flags: str) -> CollectorProcess:
        """Start a collector and wait until it is ready."""
        log = self.data.with_suffix(".log")
        process = launch(self.data, log, *self._flags, *flags)
        found = addresses(log, process)
        self.running = CollectorProcess(process, found["OTLP"], found["OTLP/gRPC"], found["ClickHouse"], log)
        wait_for(lambda: httpx.get(self.running.otlp + "/readyz", verify=PLAIN).status_code == httpx.codes.OK)
        return self.running

    def end(self, *, politely: bool) -> None:
        """End the collector, and keep what it said of errors of its own."""
        if politely:
            self.running.stop()
        else:
            self.running.kill()
        if "Traceback" in (text := self.running.log.read_text()):
            self.tracebacks.append(text[text.index("Traceback") :][:2000])

    def leave(self) -> None:
        """Let go of everything, however it stands."""
        self.running.kill()
        self._http.close()
        self._grpc.close()

    def kill_and_restart(self) -> None:
        """Pull the plug; until it is back, connections are refused."""
        self.faults["killed"] += 1
        self.end(politely=False)
        self.start()

    def fill_the_spool(self) -> None:
        """Be a collector that may keep next to nothing on disk, for a few seconds."""
        self.faults["spool full"] += 1
        self.end(politely=True)
        self.start(*_SMALL_SPOOL)
        time.sleep(8)
        self.end(politely=True)
        self.start()

    def hang(self, chance: random.Random) -> None:
        """Stop the clock of the process for some seconds."""
        self.faults["hung"] += 1
        self.running.process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(1, 5))
        self.running.process.send_signal(signal.SIGCONT)

    def cut(self, chance: random.Random) -> None:
        """Cut every connection again and again: requests are lost, and so are answers to requests that are stored."""
        self.faults["cut off"] += 1
        for _ in range(20):
            self.cut_connections += self._http.cut() + self._grpc.cut()
            time.sleep(chance.uniform(0, 0.3))

    def send_nonsense(self) -> None:
        """Send what no client should, and count the answers."""
        self.faults["nonsense sent"] += 1
        good = otlp.traces({}).SerializeToString()
        bomb = gzip.compress(bytes(_LIMIT))
        packed, text = {"content-encoding": "gzip"}, {"content-type": "application/json"}
        bodies: list[tuple[bytes, dict[str, str]]] = [
            *(
                (os.urandom(1000), {}),
                (good[:-3], {}),
                (good, packed),
                (bomb, packed),
                (gzip.compress(good)[:-9], packed),
            ),
            *((b"[" * 100_000, text), (b"{}}", text), (good, {"content-type": "text/plain"})),
        ]
        for body, headers in bodies:
            named = {"content-type": "application/x-protobuf"} | headers
            for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
                answer = httpx.post(self.running.otlp + path, content=body, headers=named, timeout=60, verify=PLAIN)
                self.answers[answer.status_code] += 1

    def own_errors(self) -> int:
        """How many answers to nonsense were no refusal."""
        return sum(n for code, n in self.answers.items() if not _CLIENT_ERROR <= code < _SERVER_ERROR)
