"""What runs used and cost, told once their spans are stored; also of runs too short for any live event."""

import time
from collections.abc import Sequence
from typing import Any, Final

from quarterdeck import semconv as s
from quarterdeck_console.clickhouse import ClickHouse, QueryError, Row
from quarterdeck_console.tail.narrator import Line
from quarterdeck_console.text import dollars, line, seconds
from quarterdeck_console.web import AwayError, DeniedError

EVERY_S: Final = 1.0
"""Seconds between two looks."""

_LATE_NS: Final = 60_000_000_000
_RETRY_S: Final = 30.0
_STYLES: Final = {"completed": "green", "failed": "red", "cancelled": "yellow"}


class Summaries:
    """Looks for runs that have ended, and tells each once.

    Args:
        clickhouse: where the spans are.
        since_ns: runs that ended after it.
        runs: only these; empty for all.
        pipelines: only of these; empty for all.
    """

    def __init__(self, clickhouse: ClickHouse, since_ns: int, runs: Sequence[str], pipelines: Sequence[str]) -> None:
        self._clickhouse = clickhouse
        self._since_ns = since_ns
        self._filter = {"runs": list(runs), "pipelines": list(pipelines)}
        self._told: dict[str, int] = {}

    def news(self) -> list[Row]:
        """Give the runs that are new since the last look.

        Raises:
            AwayError: ClickHouse does not answer.
            DeniedError: it wants another token.
            QueryError: it refuses.
        """
        # Spans come late, so those of the last minute are asked for again.
        newest = max(self._told.values(), default=0)
        since = max(self._since_ns, newest - _LATE_NS)
        rows = self._clickhouse.ask("tail/sql/ended", since=since, **self._filter)
        news = [row for row in rows if row["run"] not in self._told]
        self._told |= {row["run"]: row["ended_ns"] for row in news}
        if len(self._told) > 10_000:  # noqa: PLR2004 - a bound, no more
            self._told = {run: at for run, at in self._told.items() if at >= since}
        return news


def summary(row: Row) -> Line:
    """Make the line of a run that has ended."""
    facts = [row["status"], seconds(row["ended_ns"] - row["started_ns"])]
    facts += [f"{row[name]} {name if row[name] != 1 else name[:-1]}" for name in ("steps", "calls") if row[name]]
    if row["tokens_in"] or row["tokens_out"]:
        facts.append(f"{row['tokens_in']:,} tokens in, {row['tokens_out']:,} out")
    if row["calls"]:
        unknown = f" and {row['unpriced_calls']} calls of unknown price" if row["unpriced_calls"] else ""
        facts.append(f"{dollars(row['cost_usd'])}{unknown}")
    if row["error"]:
        facts.append(line(row["message"] if row["message"].startswith(row["error"]) else row["error"], 300))
    style = _STYLES.get(row["status"], "")
    return Line(row["ended_ns"], row["run"], row["pipeline"], 0, f"Σ {' · '.join(facts)}", style)


class Prices:
    """What calls cost, asked of ClickHouse's price table; silent for a while where it does not answer.

    Args:
        clickhouse: with short patience: the screen waits meanwhile.
    """

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._again_at = 0.0

    def __call__(self, provider: str, model: str, told: dict[str, str]) -> float | None:
        """Give USD; None where it is not known."""
        if time.monotonic() < self._again_at:
            return None
        numbers = {
            "tokens_in": s.USAGE_INPUT_TOKENS,
            "cache_read": s.USAGE_CACHE_READ_TOKENS,
            "cache_write": s.USAGE_CACHE_WRITE_TOKENS,
            "tokens_out": s.USAGE_OUTPUT_TOKENS,
        }
        values: dict[str, Any] = {name: int(told.get(key) or 0) for name, key in numbers.items()}
        try:
            found = self._clickhouse.ask("tail/sql/price", provider=provider, model=model, **values)
        except (AwayError, DeniedError, QueryError):
            self._again_at = time.monotonic() + _RETRY_S
            return None
        return found[0]["cost"] if found else None
