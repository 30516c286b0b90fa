"""What ``init`` puts together for one address: who delivers spans, log records and live events there."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.answers import transport_to
from quarterdeck.delivery import Delivery
from quarterdeck.disk_buffer import DiskBuffer
from quarterdeck.health import Health
from quarterdeck.otlp_target import Target, target_of
from quarterdeck.outgoing import KeptRecords, LiveRecords, OtlpSpans, halves_of_records, halves_of_spans
from quarterdeck.redaction import Redactor

SPANS: Final = "spans"
LOGS: Final = "logs"


@dataclass(frozen=True)
class Buffer:
    """Where telemetry waits for an endpoint to come back.

    Args:
        folder: a folder; empty: in memory.
        limit: bytes that may wait there for one endpoint and signal.
    """

    folder: str = ""
    limit: int = 0


@dataclass(frozen=True)
class Address:
    """An endpoint as the program or its environment names it.

    Args:
        url: base URL.
        token: for a collector that asks for one.
        standard: whether ``OTEL_EXPORTER_OTLP_*`` names it, where each signal may have an address of its own.
        guest: whether it is one of further exporters.
    """

    url: str
    token: str = ""
    standard: bool = False
    guest: bool = False

    def spans(self, redactor: Redactor, health: Health, buffer: Buffer) -> OtlpSpans:
        """Make what takes spans."""
        target = target_of(self.url, "traces", token=self.token, standard=self.standard, guest=self.guest)
        disk = _disk(target, health, buffer)
        make = functools.partial(transport_to, target)
        return OtlpSpans(Delivery(SPANS, make, target.timeout_s, health, halves=halves_of_spans, disk=disk), redactor)

    def logs(self, health: Health, buffer: Buffer) -> tuple[Delivery, KeptRecords]:
        """Make what takes log records, and who delivers them."""
        target = self._logs_target()
        disk = _disk(target, health, buffer)
        make = functools.partial(transport_to, target)
        delivery = Delivery(LOGS, make, target.timeout_s, health, halves=halves_of_records, disk=disk)
        return delivery, KeptRecords(delivery)

    def live(self) -> LiveRecords:
        """Make what takes live events."""
        return LiveRecords(transport_to(self._logs_target()))

    def _logs_target(self) -> Target:
        return target_of(self.url, "logs", token=self.token, standard=self.standard, guest=self.guest)


def _disk(target: Target, health: Health, buffer: Buffer) -> DiskBuffer | None:
    if not buffer.folder or buffer.limit <= 0:
        return None
    health.kept_where = f"in {buffer.folder}"
    return DiskBuffer(Path(buffer.folder) / target.folder, buffer.limit, health.lose)
