"""Selected rows of a table, a bounded page at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_collector.store import Store, literal

PAGE_BYTES: Final = 4 << 20
"""What a page should hold: its number of rows follows the size of those before."""

_FIRST_ROWS: Final = 64
_MOST_ROWS: Final = 5_000
_SETTINGS: Final = "SETTINGS output_format_json_validate_utf8 = 1"

Row = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One part of the order of a table.

    Args:
        sql: The expression.
        as_text: Its value as text, exactly.
        from_text: The value again; ``{}`` stands for the text.
    """

    sql: str
    as_text: str
    from_text: str


def text(column: str) -> Key:
    """Order by a string column."""
    return Key(column, f"toString({column})", "{}")


def moment(column: str) -> Key:
    """Order by a DateTime64(9) column."""
    return Key(column, f"toString(toUnixTimestamp64Nano({column}))", "fromUnixTimestamp64Nano(toInt64({}))")


def stretch(start: str) -> Key:
    """Order by the start of an hour or the like."""
    return Key(start, f"toString(toUnixTimestamp({start}))", "toDateTime(toUInt32({}))")


def pages(store: Store, table: str, columns: str, key: Sequence[Key], condition: str) -> Iterator[list[Row]]:
    """Read rows in the order of ``key``.

    Args:
        store: Where.
        table: Table to read.
        columns: What to select.
        key: What to order by: best the table's own sorting key, which is then read once from end to end.
        condition: Which rows.

    Raises:
        StoreError: If the store refuses.
    """
    rows, after, equal = _FIRST_ROWS, "", 0
    last: list[str] = []
    texts = ", ".join(part.as_text for part in key)
    order = ", ".join(part.sql for part in key)
    while True:
        page = store.json_rows(
            f"SELECT {columns}, [{texts}] AS PageKey FROM {store.database}.{table} WHERE ({condition}){after} "  # noqa: S608 - values are quoted
            f"ORDER BY {order} LIMIT {rows} OFFSET {equal} {_SETTINGS}"
        )
        if not page:
            return
        yield page
        # The next page begins at this one's last key, and skips the rows with that key which were read already.
        before, last = last, page[-1]["PageKey"]
        equal = sum(row["PageKey"] == last for row in page) + (equal if last == before else 0)
        values = (part.from_text.format(literal(value)) for part, value in zip(key, last, strict=True))
        after = f" AND ({order}) >= ({', '.join(values)})"
        size = sum(len(json.dumps(row)) for row in page)
        rows = max(1, min(_MOST_ROWS, rows * PAGE_BYTES // max(1, size)))
