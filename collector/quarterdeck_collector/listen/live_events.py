"""Live events as listeners get them: on arrival, and from the table for those who come back."""

from collections.abc import Iterable
from typing import Final

from quarterdeck_collector.listen.filters import Filter
from quarterdeck_collector.listen.messages import Cursor, Message, Row, iso
from quarterdeck_collector.listen.names import stream_name
from quarterdeck_collector.store import Store, literal

TABLE: Final = "live_events"

KEPT_SECONDS: Final = 86_400
"""How long the table keeps events (its TTL)."""

PAGE: Final = 500
"""Events that are read from the table at once."""

_TIMES: Final = ("Timestamp", "StartTime")


def message(row: Row, log: int) -> Message:
    """Make the event of a row that is on its way into the table.

    Args:
        row: As it is inserted: times are seconds with nine digits after the point.
        log: Position of the last log entry that is behind it.
    """
    return _message({**row, **{name: int(row[name].replace(".", "")) for name in _TIMES}}, log)


def _message(row: Row, log: int) -> Message:
    data = {**row, **{name: iso(row[name]) for name in _TIMES}}
    name = stream_name(row["EventName"])
    return Message(name, data, row["RunId"], row["PipelineName"], cursor=Cursor(row["Position"], log))


def page(store: Store, wanted: Filter, after: Cursor, until: int) -> list[Message]:
    """Read events of the table, oldest first, at most :data:`PAGE`.

    Args:
        store: Where the table is.
        wanted: Others are left out.
        after: Where the listener is.
        until: Position of the last.

    Raises:
        StoreError: If ClickHouse cannot be asked.
    """
    columns = (("RunId", wanted.runs), ("PipelineName", wanted.pipelines), ("EventName", wanted.live_events))
    conditions = [
        f"Position > {after.live}",
        f"Position <= {until}",
        *(f"{column} IN ({_list(values)})" for column, values in columns if values),
    ]
    sql = (
        "SELECT * REPLACE (toUnixTimestamp64Nano(Timestamp) AS Timestamp, toUnixTimestamp64Nano(StartTime) AS StartTime) "  # noqa: S608, E501
        f"FROM {store.database}.{TABLE} WHERE {' AND '.join(conditions)} ORDER BY Position LIMIT {PAGE} "
        "SETTINGS output_format_json_quote_64bit_integers = 0"
    )
    return [_message(row, after.log) for row in store.json_rows(sql)]


def _list(values: Iterable[str]) -> str:
    return ", ".join(map(literal, sorted(values)))
