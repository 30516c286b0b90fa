"""How much machine a load needs: a model whose constants are measured, and kept in ``sizing.toml`` with where from."""

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

CONSTANTS = tomllib.loads((Path(__file__).parents[1] / "sizing.toml").read_text())
SECONDS_A_DAY = 86_400
LOADS = (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_MARK = re.compile(r"<!-- (sizing table|constants) -->")


@dataclass(frozen=True)
class Machine:
    """What one load needs.

    Attributes:
        cores: busy in the peak hour.
        disk_gb: gigabytes on disk once retention is reached.
        search_gb: further ones with full-text search of payloads.
        memory_gb: gigabytes of collector and ClickHouse.
    """

    cores: float
    disk_gb: float
    search_gb: float
    memory_gb: float


def machine_for(spans_a_day: float) -> Machine:
    """What so many spans a day need, with the default retention.

    Args:
        spans_a_day: spans, of the size in the constants.
    """
    value = {name: entry["value"] for name, entry in CONSTANTS.items()}
    peak = spans_a_day / SECONDS_A_DAY * value["peak_to_mean"]
    busy = value["fed_cores"] + peak * value["cpu_us_per_span"] / 1e6
    lean = value["bytes_per_span"] - value["payload_bytes_per_span"]
    kept = lean * value["keep_days"] + value["payload_bytes_per_span"] * value["keep_payloads_days"]
    share = min(1.0, peak / value["peak_memory_from"])
    memory = value["idle_mb"] + share * (value["ingest_peak_mb"] - value["idle_mb"])
    more = max(1.0, busy / 2)  # beyond two cores memory grows with the collectors and nodes that share the load
    search = value["search_bytes_per_span"] * value["keep_payloads_days"]
    return Machine(
        cores=busy / value["busy_share"],
        disk_gb=spans_a_day * kept / 1e9,
        search_gb=spans_a_day * search / 1e9,
        memory_gb=memory * more / 1e3,
    )


def filled(markdown: str) -> str:
    """The page with its marks replaced by tables."""
    return _MARK.sub(lambda mark: _table() if mark[1] == "sizing table" else _constants(), markdown)


def _table() -> str:
    rows = ["| spans a day | cores | disk | with payload search | memory |", "|---|---|---|---|---|"]
    for load in LOADS:
        need = machine_for(load)
        cores = max(1, math.ceil(need.cores))
        disk, more, memory = map(_rounded, (need.disk_gb, need.disk_gb + need.search_gb, need.memory_gb))
        rows.append(f"| {load:,} | {cores} | {disk} GB | {more} GB | {memory} GB |")
    return "\n".join(rows)


def _rounded(amount: float) -> str:
    """Two digits say what such a model knows."""
    if amount >= 10:  # noqa: PLR2004 - where two digits are whole numbers
        step = 10 ** (len(str(int(amount))) - 2)
        return f"{math.ceil(amount / step) * step:,}"
    return f"{amount:.1f}"


def _constants() -> str:
    rows = ["| constant | value | from |", "|---|---|---|"]
    rows += [
        f"| {entry['meaning']} | {entry['value']:,} {entry['unit']} | {entry['source']} |"
        for entry in CONSTANTS.values()
    ]
    return "\n".join(rows)
