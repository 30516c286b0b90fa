"""Bring the costs in sums back in line with the calls, on a cluster: by rows that hold the difference.

No statement makes a day of a derived table anew on all nodes of a cluster at once. But sums are added up wherever they
are read, so a row with the difference corrects them, whichever shard has it, and whoever else writes meanwhile.
"""

import random
import time
from dataclasses import dataclass
from typing import Final

from quarterdeck_collector.care.tables import CALLS
from quarterdeck_collector.store import Store

TRIES: Final = 5
"""How often a difference is looked for while others write calls and sums."""

_PAUSE: Final = 1.0
_LEAST: Final = 1e-9
"""USD: smaller differences come from adding up in another order."""

_NAMES: Final = ("ServiceName", "Environment", "PipelineName", "StepName", "Provider", "Model")


@dataclass(frozen=True)
class _Sums:
    """A table of sums: its key and that of a call in it, and what else its rows must say to change nothing."""

    name: str
    day: str
    key: dict[str, str]
    neutral: dict[str, tuple[str, str]]


_TABLES: Final = (
    _Sums(
        "runs",
        "Day",
        {"Day": "toDate(Timestamp)", "RunId": "RunId"},
        {"Start": ("min", "Timestamp"), "End": ("max", "Timestamp")},
    ),
    *(
        _Sums(name, "toDate(Time)", {"Time": f"{start}(Timestamp)", **{each: each for each in _NAMES}}, {})
        for name, start in (("llm_1m", "toStartOfMinute"), ("llm_1h", "toStartOfHour"))
    ),
)
"""Each after the tables it is fed from."""


def correct(store: Store, day: str) -> bool:
    """Add to every table of sums what its costs of a day lack, or have too much.

    Args:
        store: A node of a cluster.
        day: ISO date, UTC.

    Returns:
        Whether they agree with the calls now; others may be writing.

    Raises:
        StoreError: If the store refuses.
    """
    for number in range(TRIES):
        if number:
            time.sleep(_PAUSE * random.uniform(1, 3))  # noqa: S311 - of two who correct at once, one comes first
        if not [sums for sums in _TABLES if _correct(store, sums, day)]:
            return True
    return False


def _correct(store: Store, sums: _Sums, day: str) -> bool:
    """Add the difference, if there is one."""
    for name in (CALLS, sums.name):
        store.command(f"SYSTEM SYNC REPLICA {store.on_cluster} {store.database}.{store.local(name)}")
    difference = _difference(store.database, sums, day)
    if store.rows(f"SELECT count() FROM ({difference})") == [["0"]]:  # noqa: S608 - names are ours
        return False
    columns = ", ".join([*sums.key, *sums.neutral, "Cost", "UnpricedCalls"])
    store.command(
        f"INSERT INTO {store.database}.{store.local(sums.name)} ({columns}) {difference} "
        "SETTINGS insert_deduplicate = 0"  # equal prices may come back, and with them an equal difference
    )
    return True


def _difference(database: str, sums: _Sums, day: str) -> str:
    keys = ", ".join(sums.key)
    of_call = ", ".join(f"{value} AS {name}" for name, value in sums.key.items())
    calls = [f"{function}({column}) AS Its{name}" for name, (function, column) in sums.neutral.items()]
    held = [f"{function}({name}) AS Its{name}" for name, (function, _) in sums.neutral.items()]
    both = [f"{function}(Its{name})" for name, (function, _) in sums.neutral.items()]
    return (
        f"SELECT {', '.join([keys, *both])}, sum(Costs) AS Cost, toUInt64(sum(Unpriced)) AS UnpricedCalls FROM ("  # noqa: S608 - names are ours
        f"SELECT {', '.join([of_call, *calls])}, sum(ifNull(Cost, 0)) AS Costs, toInt64(sum(IsUnpriced)) AS Unpriced "
        f"FROM {database}.{CALLS} WHERE toDate(Timestamp) = toDate('{day}') GROUP BY {keys} UNION ALL "
        f"SELECT {', '.join([keys, *held])}, -sum(Cost) AS Costs, -toInt64(sum(UnpricedCalls)) AS Unpriced "
        f"FROM {database}.{sums.name} WHERE {sums.day} = toDate('{day}') GROUP BY {keys}"
        f") GROUP BY {keys} HAVING abs(sum(Costs)) > {_LEAST} OR sum(Unpriced) != 0"
    )
