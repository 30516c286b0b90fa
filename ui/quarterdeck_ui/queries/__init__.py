"""Every question the dashboard asks ClickHouse: one ``.sql`` file each, with a typed front door."""

from quarterdeck_ui.queries.live import Event, bootstrap_events, events_after
from quarterdeck_ui.queries.logs import LEVELS, LogFilter, LogLine, log_lines
from quarterdeck_ui.queries.performance import Latency, Performance, Today, performance, today
from quarterdeck_ui.queries.runs import RunRow, recent_runs, run_by_id
from quarterdeck_ui.queries.store import Store, StoreError
from quarterdeck_ui.queries.traces import Payload, Span, span_payload, spans_of_run

__all__ = [
    "LEVELS",
    "Event",
    "Latency",
    "LogFilter",
    "LogLine",
    "Payload",
    "Performance",
    "RunRow",
    "Span",
    "Store",
    "StoreError",
    "Today",
    "bootstrap_events",
    "events_after",
    "log_lines",
    "performance",
    "recent_runs",
    "run_by_id",
    "span_payload",
    "spans_of_run",
    "today",
]
