"""Counters of the collector in Prometheus text."""

from collections import Counter
from typing import Final, Literal

Signal = Literal["traces", "logs", "metrics", "live"]
Labels = tuple[tuple[str, str], ...]
Gauges = dict[str, tuple[str, dict[Labels, float]]]
"""Values of the moment: name to (help, {labels: value})."""

HELP: Final = {
    "requests": "OTLP requests answered, by HTTP status or gRPC code.",
    "accepted_items": "Spans, records or data points acknowledged for the first time.",
    "accepted_bytes": "Bytes of the requests that brought them, decompressed.",
    "duplicate_items": "Spans, records or data points of requests that had been acknowledged before; not stored again.",
    "replayed_items": "Spans, records or data points found on disk at the start.",
    "stored_items": "Spans, records or data points inserted into ClickHouse.",
    "rejected_items": "Spans, records or data points over a limit or not valid; reported back as rejected.",
    "refused_items": "Spans, records or data points that ClickHouse does not take; kept in segments/*/rejected.",
    "joined_segments": "Segments that had waited and were inserted together.",
    "divided_segments": "Segments that ClickHouse refused as they were and that were cut in two.",
    "forward_queued_items": "Spans, records or data points linked for a target, or found linked at the start.",
    "forwarded_items": "Spans, records or data points that a target has taken.",
    "forward_dropped_items": "Spans, records or data points that a target will not get, by reason.",
    "forward_withheld_items": "Live events, which no target gets.",
    "redacted": "Secrets replaced before a request was kept, by rule.",
    "redaction_timeouts": "Searches that took too long, by rule; their texts were withheld.",
}
"""accepted + replayed = stored + spooled + refused, for each signal;
forward_queued = forwarded + forward_dropped + forward_withheld + forward_waiting, for each target and signal."""


class Counters:
    """Counts of this process; touched by the event loop's thread only."""

    def __init__(self) -> None:
        self._values: Counter[tuple[str, Labels]] = Counter()

    def add(self, name: str, amount: int = 1, **labels: str) -> None:
        """Count ``amount`` more of ``name``, a key of :data:`HELP`."""
        self._values[name, tuple(sorted(labels.items()))] += amount

    def get(self, name: str, **labels: str) -> int:
        """Give the count so far."""
        return self._values[name, tuple(sorted(labels.items()))]

    def render(self, gauges: Gauges) -> str:
        """Write the Prometheus text format.

        Args:
            gauges: Values of the moment.
        """
        lines: list[str] = []
        for name, text in HELP.items():
            full = f"quarterdeck_collector_{name}_total"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} counter"]
            lines += [
                f"{full}{{{_labels(labels)}}} {count}"
                for (counter, labels), count in sorted(self._values.items())
                if counter == name
            ]
        for name, (text, values) in gauges.items():
            full = f"quarterdeck_collector_{name}"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} gauge"]
            lines += [f"{full}{{{_labels(labels)}}} {value:.15g}" for labels, value in values.items()]
        return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    return ",".join(f'{key}="{value}"' for key, value in labels)
