"""What a rule can watch."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Row = dict[str, Any]
Period = Literal["", "day", "month"]

CALL_SCOPE: Final = ("pipeline", "step", "provider", "model", "service", "environment")
RUN_SCOPE: Final = ("pipeline", "service", "environment")
PIPELINE_SCOPE: Final = ("pipeline",)


@dataclass(frozen=True)
class Measure:
    """One number that can be read for any window of time.

    Args:
        title: Its name, for people.
        unit: ``share``, ``count``, ``usd``, ``tokens`` or ``seconds``.
        question: File of ``sql/`` that reads it.
        column: Column of that file's answer.
        scope: What it can be limited to.
        of: Column that counts what it is a share or a quantile of; without enough of these there is no value.
        period: Calendar period, in UTC, that it sums up since its beginning, instead of a window.
        kept: Days for which it can be read; 0: as long as sums are kept.
    """

    title: str
    unit: str
    question: str
    column: str
    scope: tuple[str, ...] = CALL_SCOPE
    of: str = ""
    period: Period = ""
    kept: int = 0

    def value(self, row: Row | None, least: int) -> float | None:
        """Read it from a row.

        Args:
            row: Answer of its question; None where nothing was found.
            least: Number of calls or runs below which a share or quantile says nothing.

        Returns:
            None where there is no value; sums and counts of nothing are 0.
        """
        if not self.of:
            return float((row or {}).get(self.column) or 0)
        count = int((row or {}).get(self.of) or 0)
        if row is None or count < max(least, 1):
            return None
        value = row[self.column]
        return None if value is None else float(value)

    def samples(self, row: Row | None) -> int:
        """Say how many calls or runs it was read from."""
        return int((row or {}).get(self.of) or 0) if self.of else 0


def _calls(title: str, unit: str, column: str, **more: Any) -> Measure:
    return Measure(title, unit, "calls", column, **more)


def _latency(title: str, column: str, of: str) -> Measure:
    return Measure(title, "seconds", "latency", column, of=of)


def _runs(title: str, unit: str, column: str, **more: Any) -> Measure:
    return Measure(title, unit, "runs", column, RUN_SCOPE, **more)


def _open(title: str, column: str) -> Measure:
    return Measure(title, "count", "open_runs", column, ("pipeline", "service"), kept=1)


MEASURES: Final[dict[str, Measure]] = {
    "error_rate": _calls("Error rate of model calls", "share", "ErrorRate", of="Calls"),
    "errors": _calls("Failed model calls", "count", "Errors"),
    "calls": _calls("Model calls", "count", "Calls"),
    "cost": _calls("Cost", "usd", "Cost"),
    "cost_day": _calls("Cost of the day", "usd", "Cost", period="day"),
    "cost_month": _calls("Cost of the month", "usd", "Cost", period="month"),
    "call_cost": _calls("Cost of a call", "usd", "CallCost", of="Calls"),
    "tokens": _calls("Tokens", "tokens", "Tokens"),
    "input_tokens": _calls("Input tokens", "tokens", "InputTokens"),
    "output_tokens": _calls("Output tokens", "tokens", "OutputTokens"),
    "cache_share": _calls("Share of input read from a cache", "share", "CacheShare", of="Calls"),
    "latency_mean": _calls("Latency, mean", "seconds", "MeanSeconds", of="Calls"),
    "latency_p50": _latency("Latency, median", "P50", "Calls"),
    "latency_p95": _latency("Latency, 95th percentile", "P95", "Calls"),
    "latency_p99": _latency("Latency, 99th percentile", "P99", "Calls"),
    "first_token_p50": _latency("Time to first token, median", "First50", "Streamed"),
    "first_token_p95": _latency("Time to first token, 95th percentile", "First95", "Streamed"),
    "runs": _runs("Runs that ended", "count", "Runs"),
    "failed_runs": _runs("Failed runs", "count", "Failed"),
    "run_failure_rate": _runs("Failure rate of runs", "share", "FailureRate", of="Runs"),
    "run_duration_p50": _runs("Duration of runs, median", "seconds", "Duration50", of="Runs"),
    "run_duration_p95": _runs("Duration of runs, 95th percentile", "seconds", "Duration95", of="Runs"),
    "long_runs": _open("Runs open for longer than the window", "Long"),
    "stuck_runs": _open("Open runs without progress for the window", "Stuck"),
    "lost_runs": _open("Runs lost within the window", "Lost"),
    "new_error_groups": Measure("New error groups", "count", "new_errors", "NewGroups", PIPELINE_SCOPE),
    "query": Measure("A query of your own", "count", "", "", ()),
}
"""Everything that a rule can watch, by the name that rules have for it."""
