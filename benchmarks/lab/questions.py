"""Every question that a page asks, with the time it may take and the same question without our tables."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from lab.asker import Asker, Question, Sample, Way
from quarterdeck_ui import history_feed, log_feed, log_tail, queries
from quarterdeck_ui.chart_reader import chart_range
from quarterdeck_ui.scope import Scope

TRACE_MS: Final = 20
PAYLOADS_MS: Final = 40
SEARCH_MS: Final = 300
HISTORY_MS: Final = 300
"""Of a whole page, looked for in several questions; the screen shows what each of them finds."""

_PAGE: Final = 50
"""Matches that a search wants."""

_WITHOUT_INDEX: Final = {"ignore_data_skipping_indices": "idx_search_text"}
_NS: Final = 10**9


def _front(front: Callable[..., Any], *names: str) -> Way:
    """A front door of the dashboard, given the named values of the sample."""
    return lambda asker, sample: front(asker.store, *(getattr(sample, name) for name in names))


def _chart(question: str, seconds: float) -> Way:
    """One of the questions of a chart of so many seconds."""

    def ask(asker: Asker, _: Sample) -> Any:
        asked = chart_range(Scope(seconds), time.time_ns())
        place = {"environment": "", "service": ""}
        return asker.store.ask(question, since=asked.since_ns, until=asked.until_ns, bucket=asked.bucket, **place)

    return ask


def _charts(seconds: float) -> Way:
    return lambda asker, _: queries.performance(asker.store, chart_range(Scope(seconds), time.time_ns()))


def _of_all(front: Callable[..., Any], *more: Any) -> Way:
    """A front door of the analytics, asked about the ten days that the history has."""

    def ask(asker: Asker, _: Sample) -> Any:
        now = time.time_ns()
        return front(asker.store, queries.ChartRange(now - 10 * queries.DAY_S * 10**9, now), *more)

    return ask


def _quantiles(asker: Asker, _: Sample) -> Any:
    now = time.time_ns()
    asked = queries.ChartRange(now - 10 * queries.DAY_S * _NS, now)
    return queries.measures(asker.store, asked, "step", queries.DAY_S, quantiles=True)


def _of_ever(front: Callable[..., Any], *more: Any) -> Way:
    """A front door that is asked about a scope, of all that is there."""
    return lambda asker, _: front(asker.store, *more, Scope(), time.time_ns())


def _of_an_hour(front: Callable[..., Any], *more: Any) -> Way:
    """A front door of the analytics that reads payloads or attributes, asked about the last hour."""

    def ask(asker: Asker, _: Sample) -> Any:
        now = time.time_ns()
        return front(asker.store, queries.ChartRange(now - 3600 * _NS, now), *more)

    return ask


def _advice(asker: Asker, _: Sample) -> Any:
    return queries.evidence(asker.store, Scope(3600), time.time_ns())


def _calls(words: str = "") -> Way:
    return lambda asker, _: list(queries.search_calls(asker.store, time.time_ns(), words))


def _config(asker: Asker, sample: Sample) -> str:
    run = queries.run_by_id(asker.store, sample.run)
    versions = queries.pipeline_versions(asker.store, run.pipeline, Scope(), time.time_ns()) if run else []
    return queries.config_of(asker.store, versions[0]) if versions else ""


def _groups(asker: Asker, _: Sample) -> list[queries.ErrorGroup]:
    now = time.time_ns()
    return queries.error_groups(asker.store, queries.ErrorScope(now - 10 * queries.DAY_S * _NS, now))


def _errors_of_group(asker: Asker, sample: Sample) -> Any:
    return [queries.errors_of_group(asker.store, group.id) for group in _groups(asker, sample)[:1]]


def _good_run(asker: Asker, sample: Sample) -> Any:
    run = queries.run_by_id(asker.store, sample.run)
    return queries.good_run(asker.store, run.pipeline, run.id, run.start_ns) if run else None


def _earlier_run(asker: Asker, sample: Sample) -> Any:
    run = queries.run_by_id(asker.store, sample.run)
    return queries.earlier_run(asker.store, run.pipeline, run.id, run.start_ns) if run else None


def _completed_runs(asker: Asker, _: Sample) -> int:
    now = time.time_ns()
    return queries.completed_runs(asker.store, "support-triage", now - queries.DAY_S * _NS, now)


def _behind(asker: Asker, _: Sample) -> Any:
    now = time.time_ns()
    return queries.runs_behind(asker.store, queries.ChartRange(now - 60 * _NS, now), "latency")


def _step_payloads(asker: Asker, sample: Sample) -> Any:
    run = queries.run_by_id(asker.store, sample.run)
    return queries.step_payloads(asker.store, run, 2000) if run else None


def _own(question: str, settings: Mapping[str, str] | None = None, **more: Any) -> Way:
    return lambda asker, sample: asker.sql(question, settings, **asdict(sample), **more)


def _recent_runs(asker: Asker, _: Sample) -> Any:
    return queries.recent_runs(asker.store, time.time_ns())


def _recent_runs_again(asker: Asker, _: Sample) -> Any:
    asker.runs = queries.recent_runs(asker.store, time.time_ns(), known=asker.runs)
    return asker.runs


def _history(**wanted: Any) -> Way:
    """The first page of a search in the history."""

    def ask(asker: Asker, _: Sample) -> int:
        behind = (time.time_ns(), "")
        looks = queries.search_runs(asker.store, queries.RunSearch(**wanted), behind, 0, history_feed.PAGE)
        return sum(len(found.rows) for found in looks)

    return ask


def _history_before(asker: Asker, sample: Sample) -> int:
    behind = (sample.start_ns, sample.run)
    looks = queries.search_runs(asker.store, queries.RunSearch(), behind, 0, history_feed.PAGE)
    return sum(len(found.rows) for found in looks)


def _logs(**wanted: Any) -> Way:
    """What the log viewer shows first of a filter."""
    return lambda asker, _: queries.log_lines(asker.store, queries.LogFilter(**wanted), log_feed.PAGE)


def _logs_of_a_run(asker: Asker, sample: Sample) -> Any:
    return queries.log_lines(asker.store, queries.LogFilter(run=sample.run), log_feed.PAGE)


def _logs_before(asker: Asker, sample: Sample) -> Any:
    return queries.log_lines(asker.store, queries.LogFilter(), log_feed.PAGE, before=(sample.start_ns, 0))


def _new_logs(asker: Asker, _: Sample) -> Any:
    since = time.time_ns() - 60 * _NS - 15 * _NS  # the history ends a minute ago
    return queries.log_lines(asker.store, queries.LogFilter(), log_tail.MOST_AT_ONCE, since_ns=since)


def _new_events(asker: Asker, _: Sample) -> Any:
    return queries.events_after(asker.store, time.time_ns() - 120 * _NS)


def _first_events(asker: Asker, _: Sample) -> Any:
    return queries.bootstrap_events(asker.store, time.time_ns() - 900 * _NS)


def _by_day(words: str) -> Way:
    """Walk back until a page of matches is full."""
    word, days = words.split(maxsplit=1)[0], "SELECT max(toDate(now('UTC')) - Day) + 1 FROM runs"

    def ask(asker: Asker, sample: Sample) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for days_ago in range(int(asker.value(days))):
            a_day = _own("search_of_a_day", _WITHOUT_INDEX, word=word, words=words, days_ago=days_ago)
            found += a_day(asker, sample)
            if len(found) >= _PAGE:
                break
        return found

    return ask


RUNS: Final = (
    Question("recent runs", _recent_runs, baseline=_own("raw_runs")),
    Question("the same list again", _recent_runs_again, baseline=_own("raw_runs")),
    Question("one run by id", _front(queries.run_by_id, "run"), baseline=_own("raw_run")),
    Question("totals of today", _front(queries.today), baseline=_own("raw_today")),
    Question("what is usual", _front(queries.usual)),
    Question("places", _front(queries.places)),
    Question("the oldest run", _front(queries.oldest_run)),
    Question("live events at the start", _first_events),
    Question("new live events", _new_events),
)
HISTORY: Final = (
    Question("history, newest", _history(), HISTORY_MS),
    Question("history, anywhere", _history_before, HISTORY_MS),
    Question("history, failed runs", _history(statuses=("failed",)), HISTORY_MS),
    Question("history, a pipeline", _history(pipeline="triage"), HISTORY_MS),
    Question("history, a model", _history(model="opus"), HISTORY_MS),
    Question("history, dear runs", _history(cost_from=0.4), HISTORY_MS),
    Question("history, long runs", _history(seconds_from=39.9), HISTORY_MS),
    Question("history, words", _history(words=("timeout", "staging")), HISTORY_MS),
    Question("history, no such word", _history(words=("zyxneedle",)), HISTORY_MS),
)
CHARTS: Final = (
    Question("calls by model", _chart("calls_by_model", 900), baseline=_own("raw_calls_by_model")),
    Question("latency", _chart("latency", 900), baseline=_own("raw_latency")),
    Question("charts of an hour", _charts(3600)),
    Question("charts of 6 hours", _charts(6 * 3600)),
    Question("charts of a day", _charts(86_400)),
    Question("charts of 30 days", _charts(30 * 86_400)),
    Question("runs behind a point", _behind),
)
LOGS: Final = (
    Question("logs, newest", _logs(), baseline=_own("raw_logs")),
    Question("logs, new ones", _new_logs),
    Question("logs, anywhere", _logs_before),
    Question("logs of a run", _logs_of_a_run, baseline=_own("raw_logs_of_a_run")),
    Question("logs, errors", _logs(levels=(4,))),
    Question("logs, pipeline and step", _logs(pipeline="support-triage", step="verify")),
    Question("logs, a text", _logs(text="slow ANSWER")),
    Question("logs, a pattern", _logs(pattern=r"attempt=3 took 8\d+ ms")),
    Question("logs, a rare text", _logs(text="zyxneedle")),
)
ONE_RUN: Final = (
    Question("spans of a run", _front(queries.spans_of_run, "run", "start_ns", "end_ns"), TRACE_MS, _own("raw_trace")),
    Question("call of a step", lambda asker, sample: queries.call_of_step(asker.store, sample.run, "summarize", 0)),
    Question("payload of a span", _front(queries.span_payload, "run", "span"), baseline=_own("raw_span")),
    Question("a run as a document", _step_payloads),
    Question("a span as it is stored", _front(queries.raw_span, "run", "span")),
    Question("a call", _front(queries.call_by_id, "run", "span")),
    Question("newest calls", _calls()),
    Question("calls by words", _calls("zyxneedle"), HISTORY_MS),
    Question("versions of a pipeline", _of_ever(queries.pipeline_versions, "support-triage")),
    Question("configuration of a run", _config),
)
ERRORS: Final = (
    Question("groups of errors", _groups),
    Question("errors of a group", _errors_of_group),
    Question("error of a run", _front(queries.error_of_run, "run")),
    Question("the last good run", _good_run),
    Question("the run before", _earlier_run),
    Question("completed runs", _completed_runs),
)
ALERTS: Final = (
    Question("alert rules", _front(queries.alert_rules)),
    Question("what was told", lambda asker, _: queries.alert_history(asker.store, time.time() - queries.DAY_S)),
    Question("what fires", _front(queries.alerts_now)),
    Question("names for rules", _front(queries.alert_scopes)),
    Question("tables and columns", _front(queries.columns)),
)
ANALYTICS: Final = (
    Question("calls by step and day", _of_all(queries.measures, "step", queries.DAY_S)),
    Question("their quantiles too", _quantiles),
    Question("runs by pipeline and day", _of_all(queries.run_measures, "pipeline", queries.DAY_S)),
    Question("busy hours", _of_all(queries.busy_hours)),
    Question("models on equal work", _of_all(queries.equal_work)),
    Question("calls made again", _of_all(queries.repeated_attempts)),
    Question("times of steps", _of_all(queries.step_times)),
    Question("versions", _of_all(queries.version_runs)),
    Question("flaws of answers", _of_all(queries.quiet_flaws)),
    Question("hours that fail", _of_all(queries.failing_hours)),
    Question("kinds of errors, an hour", _of_an_hour(queries.error_kinds, "anthropic")),
    Question("names of tags", _of_all(queries.tag_names)),
    Question("cost by tag, an hour", _of_an_hour(queries.tag_cost, "customer.id")),
    Question("answers of an hour", _of_an_hour(queries.answers)),
    Question("advice on an hour", _advice),
)
PAGES: Final = (*RUNS, *HISTORY, *CHARTS, *LOGS, *ONE_RUN, *ERRORS, *ALERTS, *ANALYTICS)
"""What the dashboard runs, through its own front doors."""

BY_HAND: Final = (
    Question("trace with payloads", _own("trace_with_payloads"), PAYLOADS_MS, _own("raw_trace_with_payloads")),
    Question("pipeline_executions, an id", _own("pipeline_execution"), baseline=_own("raw_run")),
    Question("step_executions of a run", _own("step_executions"), baseline=_own("raw_steps")),
    Question("metrics_snapshots, an hour", _own("metrics_snapshots"), baseline=_own("raw_minutes")),
    Question("spans with an attribute", _own("spans_with_attribute"), baseline=_own("raw_spans_with_attribute")),
)
"""What people ask in SQL."""


def searches(rare: str, common: tuple[str, str]) -> tuple[Question, ...]:
    """Full-text searches for a rare word and for two common ones together."""
    both = " ".join(common)
    scan = _own("raw_search", _WITHOUT_INDEX, word=rare)
    newest_day = _own("search_of_a_day", _WITHOUT_INDEX, word=rare, words=rare, days_ago=0)
    return (
        Question("search, a rare word", _own("search", word=rare, words=rare), SEARCH_MS, scan),
        Question("search, two common words", _own("search", word=common[0], words=both), SEARCH_MS),
        Question("no index: common, by day", _by_day(both), None),
        Question("no index: rare, newest day", newest_day, None, scan),
        Question("no index: rare, day by day", _by_day(rare), None, scan),
    )
