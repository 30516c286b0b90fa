"""The way of one signal through the collector, and the state of a part of it."""

from dataclasses import dataclass, field

from quarterdeck_collector.commit import CommitLog
from quarterdeck_collector.deliver import Delivery
from quarterdeck_collector.quarantine import Quarantine, SetAside
from quarterdeck_collector.receive.otlp import Kind


@dataclass
class Check:
    """One part of readiness.

    Args:
        ok: Whether it works.
        reason: Why not.
        required: Whether the collector is ready only if it does.
    """

    ok: bool = False
    reason: str = "starting"
    required: bool = True


@dataclass
class Stream:
    """The way of one signal: committed here, delivered there."""

    kind: Kind
    commits: CommitLog
    delivery: Delivery
    quarantine: Quarantine
    set_aside: SetAside = field(default_factory=SetAside)

    @property
    def spooled_items(self) -> int:
        """Spans or records that are on disk and not in ClickHouse."""
        return self.commits.open_items + sum(segment.items for segment in self.delivery.waiting)
