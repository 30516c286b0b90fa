"""Every question the dashboard asks ClickHouse: one ``.sql`` file each, with a typed front door."""

from quarterdeck_ui.queries.advice import Call, Evidence, StepParts, StepPrompts, StepUse, Where, evidence
from quarterdeck_ui.queries.alerts import (
    Alarm,
    AlertEvent,
    AlertRule,
    AlertsNow,
    Outcome,
    alert_history,
    alert_rules,
    alert_scopes,
    alerts_now,
)
from quarterdeck_ui.queries.behind import BEHIND, RunBehind, runs_behind
from quarterdeck_ui.queries.calls import CallRow, recent_calls
from quarterdeck_ui.queries.errors import (
    EMPTY_OUTPUT,
    ErrorGroup,
    ErrorScope,
    Occurrence,
    completed_runs,
    error_groups,
    error_of_run,
    errors_of_group,
    good_run,
)
from quarterdeck_ui.queries.history import Found, RunSearch, oldest_run, search_runs
from quarterdeck_ui.queries.live import Event, bootstrap_events, events_after
from quarterdeck_ui.queries.logs import LEVELS, LogFilter, LogLine, log_lines, log_looks
from quarterdeck_ui.queries.overview import Place, Today, Usual, places, today, usual
from quarterdeck_ui.queries.performance import ChartRange, Latency, Performance, performance
from quarterdeck_ui.queries.raw import StepPayload, raw_span, step_payloads
from quarterdeck_ui.queries.runs import RunRow, recent_runs, run_by_id
from quarterdeck_ui.queries.store import Store, StoreError
from quarterdeck_ui.queries.traces import Payload, Span, call_of_step, span_payload, spans_of_run
from quarterdeck_ui.queries.versions import PipelineVersion, config_of, pipeline_versions

__all__ = [
    "BEHIND",
    "EMPTY_OUTPUT",
    "LEVELS",
    "Alarm",
    "AlertEvent",
    "AlertRule",
    "AlertsNow",
    "Call",
    "CallRow",
    "ChartRange",
    "ErrorGroup",
    "ErrorScope",
    "Event",
    "Evidence",
    "Found",
    "Latency",
    "LogFilter",
    "LogLine",
    "Occurrence",
    "Outcome",
    "Payload",
    "Performance",
    "PipelineVersion",
    "Place",
    "RunBehind",
    "RunRow",
    "RunSearch",
    "Span",
    "StepParts",
    "StepPayload",
    "StepPrompts",
    "StepUse",
    "Store",
    "StoreError",
    "Today",
    "Usual",
    "Where",
    "alert_history",
    "alert_rules",
    "alert_scopes",
    "alerts_now",
    "bootstrap_events",
    "call_of_step",
    "completed_runs",
    "config_of",
    "error_groups",
    "error_of_run",
    "errors_of_group",
    "events_after",
    "evidence",
    "good_run",
    "log_lines",
    "log_looks",
    "oldest_run",
    "performance",
    "pipeline_versions",
    "places",
    "raw_span",
    "recent_calls",
    "recent_runs",
    "run_by_id",
    "runs_behind",
    "search_runs",
    "span_payload",
    "spans_of_run",
    "step_payloads",
    "today",
    "usual",
]
