"""What is in the store, against what should be."""

import json
import re
from collections import Counter
from collections.abc import Callable

Ask = Callable[[str], str]
"""Runs a query and gives its text."""

_VIEWS = (
    "SELECT create_table_query, as_select FROM system.tables WHERE database = '{db}' AND engine = 'MaterializedView'"
)
_SUMS = (
    "SELECT name FROM system.columns WHERE database = '{db}' AND table = '{table}' "
    "AND type LIKE 'SimpleAggregateFunction(sum, UInt%' ORDER BY name"
)


def spans_of_traces(ask: Ask, database: str = "quarterdeck") -> dict[str, int]:
    """Count the stored spans of each trace."""
    text = ask(f"SELECT TraceId, count() FROM {database}.otel_traces GROUP BY TraceId")  # noqa: S608 - our names
    return {trace: int(count) for trace, count in (line.split("\t") for line in text.splitlines())}


def derived_sums(ask: Ask, database: str = "quarterdeck") -> dict[str, tuple[int, int]]:
    """Give, for each sum that views keep, what their table has and what their queries give over what is stored now."""
    right: Counter[tuple[str, str]] = Counter()
    for line in ask(_VIEWS.format(db=database) + " FORMAT JSONEachRow").splitlines():
        view = json.loads(line)
        match = re.search(rf"\bTO {database}\.(\w+)", view["create_table_query"])
        given = {row.split("\t")[0] for row in ask(f"DESCRIBE ({view['as_select']})").splitlines()}
        for column in ask(_SUMS.format(db=database, table=match[1])).split() if match else ():
            if match and column in given:
                right[match[1], column] += int(ask(f"SELECT sum({column}) FROM ({view['as_select']})"))  # noqa: S608
    return {
        f"{table}.{column}": (int(ask(f"SELECT sum({column}) FROM {database}.{table}")), value)  # noqa: S608
        for (table, column), value in right.items()
    }
