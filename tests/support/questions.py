"""Every question that pages, alerts and readers ask of the tables, about what ``told.py`` tells."""

import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from quarterdeck import semconv
from quarterdeck_collector.alerts.reading import question as alert_question
from support.told import RUNS, SECOND

Reader = Callable[[str, Mapping[str, str]], str]
"""Runs a query with parameters in the right database and gives its rows as lines of JSON."""

WHOLE = (
    *("pipeline_executions", "step_executions", "metrics_snapshots", "otel_traces", "otel_logs", "model_calls"),
    *("otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram"),
    *("otel_metrics_exponential_histogram", "otel_metrics_summary"),
)


def _sums(table: str, key: str, sums: str) -> str:
    return f"SELECT {key}, {sums} FROM {table} GROUP BY {key}"  # noqa: S608 - ours


ALERTS = ("calls", "latency", "runs", "new_errors", "open_runs")


def _alert(name: str) -> str:
    text = alert_question(name).replace("${db}.", "").replace("${sums}", "llm_1m")
    return text.replace("${windows}", alert_question("windows"))


QUESTIONS = {
    **{f"alert {name}": _alert(name) for name in ALERTS},
    **{name: f"SELECT * FROM {name}" for name in WHOLE},  # noqa: S608 - ours
    "llm_1h": _sums("llm_1h", "Model", "sum(Calls), quantilesBFloat16Merge(0.5, 0.95, 0.99)(DurationQuantiles)"),
    "error_groups": _sums("error_groups", "Fingerprint", "sum(Errors), uniqMerge(Runs), argMaxMerge(LastSpan)"),
    "otel_traces_trace_id_ts": _sums("otel_traces_trace_id_ts", "TraceId", "min(Start), max(End)"),
    "a search": "SELECT SpanId FROM otel_traces WHERE hasAllTokens(SearchText, ['question', 'run'])",
    **{
        file.name: file.read_text()
        for file in resources.files("quarterdeck_ui.queries").iterdir()
        if file.name.endswith(".sql") and file.name != "columns.sql"  # a cluster has other tables
    },
}


def ask(reader: Reader, sql: str, known: Mapping[str, str]) -> list[dict[str, Any]]:
    """Ask a question with those of the known values that it has places for, and sort its rows."""
    answer = reader(sql, {name: known[name] for name in re.findall(r"\{(\w+):", sql)})
    return sorted((json.loads(line, parse_float=_rounded) for line in answer.splitlines()), key=repr)


def _rounded(number: str) -> float:
    """Leave out what depends on the order in which numbers are added."""
    return round(float(number), 12)


def answers(reader: Reader, start: int, more: Mapping[str, str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Ask every question about what was told at ``start``, nanoseconds, and ``more`` of them."""
    group = ask(reader, "SELECT toString(any(Fingerprint)) AS Id FROM errors", {})[0]["Id"]
    known = {
        "run": RUNS[0],
        "runs": str(list(RUNS)),
        "span": (1).to_bytes(8).hex(),
        "since": str(start),
        "until": str(start + 60 * SECOND),
        "limit": "100",
        "after": "0",
        "heard": "0",
        "bucket": "86400",
        "from_ns": "0",
        "to_ns": str(start + 60 * SECOND),
        "to_id": "0",
        "searching": "true",
        **dict.fromkeys(("nth", "longer", "shorter"), "0"),
        "by": "tokens",
        "each": "3",
        "sums": "llm_1m",
        "latencies": "latency_1h",
        "days": "60",
        **dict.fromkeys(("quantiles", "later"), "true"),
        **dict.fromkeys(("levels", "statuses", "words"), "[]"),
        **dict.fromkeys(("pipeline", "step", "model", "provider", "environment", "service"), ""),
        **dict.fromkeys(("text", "pattern", "needle", "rule"), ""),
        "dimension": "step",
        "grain": "60",
        "tag": "service.name",
        **dict.fromkeys(("cost_from", "cost_to", "seconds_from", "seconds_to"), "-1"),
        "heartbeat": semconv.EVENT_HEARTBEAT,
        "group": group,
        "groups": f"[{group}]",
        "ended": f"['{semconv.EVENT_PIPELINE_COMPLETED}']",
    }
    # Log records are of no run here.
    special: dict[str, dict[str, str]] = {
        "logs.sql": {"run": ""},
        "call_of_step.sql": {"step": "summarise"},
        "errors_of_group.sql": {"span": ""},
        **{f"{name}.sql": {"pipeline": "digest"} for name in ("good_run", "earlier_run", "completed_runs", "versions")},
    }
    begin, end = str(start // SECOND - 300), str(start // SECOND + 120)
    times = {"since": begin, "until": end, "first": end, "every": "60", "count": "1", "window": "300", "grain": "60"}
    special |= {f"alert {name}": {**times, "period": "", "provider": "", "grace": "30"} for name in ALERTS}
    special["alert_history.sql"] = {"since": "0"}
    questions = {**QUESTIONS, **(more or {})}
    return {name: ask(reader, sql, known | special.get(name, {})) for name, sql in questions.items()}
