"""Addresses of the runs behind a number, the deck with its search of the history filled in, and of alerts on it."""

from datetime import UTC, datetime
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from quarterdeck_ui import alert_link
from quarterdeck_ui.queries import DAY_S, WITHIN, ChartRange

_NS = 10**9


def runs(asked: ChartRange, *, words: str = "", status: str = "", **search: str | float) -> str:
    """The runs of a range, with what they are searched for.

    Args:
        asked: Range, environment and service.
        words: Each is found in the id, pipeline, version, error, service, environment or a model.
        status: Of a finished run.
        search: ``pipeline``, ``model``, ``cost-from``, ``took-from`` and the like, as the deck's address has them.
    """
    query = {
        "history": "1",
        "from": _iso(asked.since_ns),
        "to": _iso(asked.until_ns),
        "env": asked.environment,
        "service": asked.service,
        "q": words,
        "status": status,
        **search,
    }
    return "/?" + urlencode({name: value for name, value in query.items() if value})


def part(asked: ChartRange, dimension: str, name: str) -> str:
    """The runs that have to do with a part, as :func:`~quarterdeck_ui.queries.measures` names it."""
    pipeline, _, inner = name.partition(WITHIN)
    match dimension:
        case "pipeline" | "step":
            return runs(asked, pipeline=pipeline)
        case "version":
            return runs(asked, pipeline=pipeline, words=inner)
        case "model":
            return runs(asked, model=name)
        case "environment":
            return runs(ChartRange(asked.since_ns, asked.until_ns, name, asked.service))
        case "service":
            return runs(ChartRange(asked.since_ns, asked.until_ns, asked.environment, name))
        case _:
            return runs(asked)


def tagged(asked: ChartRange, tag: str, value: str) -> str:
    """The runs with this value of an attribute, as a query: the deck does not search attributes."""
    name, wanted = map(alert_link.quoted, (tag, value))
    query = (
        "SELECT RunId, max(PipelineName) AS pipeline, min(Timestamp) AS began\nFROM otel_traces\n"
        f"WHERE toStartOfHour(Timestamp) BETWEEN toDateTime({asked.since_ns // _NS - 3599}) "
        f"AND toDateTime({asked.until_ns // _NS})\n"
        f"    AND {wanted} IN (SpanAttributes[{name}], ResourceAttributes[{name}])\n"
        "GROUP BY RunId\nORDER BY began DESC\nLIMIT 500"
    )
    return "/?" + urlencode({"view": "analytics", "tab": "SQL", "sql": query})


def alert(asked: ChartRange, measure: str, **given: str | float) -> str:
    """The form of a rule over a measure, limited as the page is."""
    return alert_link.watching(measure, environment=asked.environment, service=asked.service, **given)


def dear_tag(asked: ChartRange, tag: str) -> str:
    """The form of a rule over what the dearest value of an attribute costs in a day."""
    text = Path(__file__).with_name("sql").joinpath("dear_tag.sql").read_text("utf-8")
    given = {"tag": tag, "environment": asked.environment, "service": asked.service}
    query = Template(text).substitute({name: alert_link.quoted(value) for name, value in given.items()})
    return alert_link.watching_sql(query, name=f"Cost of one {tag} in a day", threshold=10, window=DAY_S)


def during(asked: ChartRange, since: float, seconds: float) -> ChartRange:
    """A part of a range in time, beginning at a second of the epoch."""
    begin = max(int(since * _NS), asked.since_ns)
    return ChartRange(begin, min(int((since + seconds) * _NS), asked.until_ns), asked.environment, asked.service)


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
