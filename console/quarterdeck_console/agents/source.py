"""What the tools have in common: where they ask, and how rows become answers."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from mcp.server.mcpserver.exceptions import ToolError

from quarterdeck_console.agents.models import LogLine, Node, RunSummary
from quarterdeck_console.agents.untrusted import Cleaner
from quarterdeck_console.clickhouse import ClickHouse, QueryError, Row
from quarterdeck_console.query.questions import questions
from quarterdeck_console.times import moment
from quarterdeck_console.web import AwayError, DeniedError

T = TypeVar("T")

EVER_NS: Final = 2 * 86_400_000_000_000
"""A time before all runs."""

_SPANS: Final = 5_000
_AWAY: Final = "start it with 'quarterdeck up', or give this server QUARTERDECK_CLICKHOUSE_URL"


class Source:
    """ClickHouse as the tools see it.

    Args:
        clickhouse: where runs are stored.
        cleaner: takes secrets out of texts.
    """

    def __init__(self, clickhouse: ClickHouse, cleaner: Cleaner) -> None:
        self.clickhouse = clickhouse
        self.clean = cleaner
        self._questions = questions()

    def ask(self, question: str, **given: Any) -> list[Row]:
        """Ask a ready question; what is not given has its default.

        Raises:
            ToolError: it cannot be answered; the message says why.
        """
        asked = self._questions[question]
        return told(lambda: self.clickhouse.rows(asked.sql, asked.defaults() | given))

    def file(self, file: str, **values: Any) -> list[Row]:
        """Run a ``.sql`` file of the tools; raises as :meth:`ask`."""
        return told(lambda: self.clickhouse.ask(f"agents/sql/{file}", **values))

    def run(self, run_id: str) -> RunSummary:
        """Give a run.

        Raises:
            ToolError: there is none of this id.
        """
        found = self.ask("runs", since=EVER_NS, run=run_id, limit=1)
        if not found:
            raise ToolError(f"there is no run {run_id!r}; find_runs lists what there is, older ones with since='90d'")
        return self.summary(found[0])

    def summary(self, row: Row) -> RunSummary:
        """Make a run of a row of the question ``runs``."""
        clean = self.clean
        return RunSummary(
            run_id=row["run"],
            pipeline=clean.name(row["pipeline"]),
            version=clean.name(row["version"]),
            status=row["status"],
            started=row["started"],
            seconds=row["seconds"],
            error_type=clean.name(row["error"]) or None,
            untrusted_message=clean.short(row["message"]),
            error_spans=row["error_spans"],
            calls=row["calls"],
            tokens_in=row["tokens_in"],
            tokens_out=row["tokens_out"],
            cost_usd=row["cost_usd"],
            unpriced_calls=row["unpriced_calls"],
            models=[clean.name(model) for model in row["models"]],
            service=clean.name(row["service"]),
            environment=clean.name(row["environment"]),
        )

    def tree(self, run_id: str) -> list[Node]:
        """Give the spans of a run in the order of its tree: each before what it holds."""
        rows = self.ask("run", run=run_id, limit=_SPANS)
        known = {row["span"] for row in rows}
        children: dict[str, list[Row]] = {}
        for row in rows:
            children.setdefault(row["parent"] if row["parent"] in known else "", []).append(row)
        found: list[Node] = []
        waiting = [(row, 0) for row in reversed(children.get("", []))]
        while waiting:
            row, depth = waiting.pop()
            found.append(self._node(row, depth))
            waiting += [(child, depth + 1) for child in reversed(children.get(row["span"], []))]
        return found

    def _node(self, row: Row, depth: int) -> Node:
        clean, is_call = self.clean, row["kind"] == "call"
        return Node(
            span_id=row["span"],
            parent_id=row["parent"],
            depth=depth,
            kind=row["kind"],
            name=clean.name(row["name"]),
            step=clean.name(row["step"]) or None,
            status=row["status"],
            error_type=clean.name(row["error"]) or None,
            untrusted_message=clean.short(row["message"]),
            attempt=row["attempt"] or None,
            started=row["started"],
            seconds=row["seconds"],
            model=clean.name(row["model"]) or None,
            finish_reason=row["finish_reason"] or None,
            tokens_in=row["tokens_in"] if is_call else None,
            tokens_out=row["tokens_out"] if is_call else None,
            cost_usd=row["cost_usd"],
        )

    def logs(self, run_id: str, since_ns: int, until_ns: int, limit: int) -> list[LogLine]:
        """Give log records of a run, the newest of a span of time, oldest of them first."""
        clean, rows = self.clean, self.ask("logs", since=since_ns, until=until_ns, run=run_id, limit=limit)
        return [
            LogLine(
                time=row["time"],
                level=row["level"],
                step=clean.name(row["step"]) or None,
                untrusted_text=clean.short(row["message"]) or "",
            )
            for row in reversed(rows)
        ]


def told(ask: Callable[[], T]) -> T:
    """Ask, and tell the agent what it or its user can do if there is no answer.

    Raises:
        ToolError: there is none.
    """
    try:
        return ask()
    except AwayError as error:
        raise ToolError(f"{error}: {_AWAY}") from error
    except (DeniedError, QueryError) as error:
        raise ToolError(str(error)) from error


def time_of(text: str) -> int:
    """Read a time.

    Raises:
        ToolError: it is none.
    """
    try:
        return max(moment(text), EVER_NS)
    except ValueError as error:
        raise ToolError(str(error)) from error


def offset_of(cursor: str) -> int:
    """Read a cursor that counts.

    Raises:
        ToolError: it is none.
    """
    if cursor and not cursor.isdecimal():
        raise no_cursor()
    return int(cursor or 0)


def no_cursor() -> ToolError:
    """Say that a cursor is none."""
    return ToolError("this is no cursor; give next_cursor of the answer before, or nothing")
