"""Stores as earlier versions wrote them: ``tests/upgrades/VERSION``, named after the newest migration of that version.

Each holds the embedded engine's files, packed; the checksums of all migrations, also those that only clusters get; and
what its version answered about the tables. Run as a program before a release that has a new migration, it adds the
store of today; a folder that is there is never written again.
"""

import json
import lzma
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx

from quarterdeck_collector.migrate import migrations
from quarterdeck_ui.saved import Saved
from support import told
from support.collectors import PLAIN, CollectorProcess, collector, wait_for
from support.questions import Reader, answers

FOLDER: Final = Path(__file__).parents[1] / "upgrades"
FLAGS: Final = ("--payload-search",)
SAME: Final = (
    *("pipeline_executions", "step_executions", "model_calls", "llm_1h", "otel_traces", "otel_logs"),
    *("error_groups", "otel_traces_trace_id_ts", "otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram"),
    *("otel_metrics_exponential_histogram", "otel_metrics_summary"),
)
"""Questions of which every later version gives the same answer, new columns aside."""
SAVED: Final = {"title": "Costs «mine»"}
_STORE, _ANSWERS, _CHECKSUMS = "store.tar.xz", "answers.json", "checksums.json"


def checksums() -> dict[str, str]:
    """Identify each migration that there is now."""
    return {item.version: item.checksum for item in migrations(cluster=True)}


def reader(running: CollectorProcess) -> Reader:
    """Ask a collector over its ClickHouse interface."""

    def read(sql: str, parameters: Mapping[str, str]) -> str:
        named = {"database": "quarterdeck", "default_format": "JSONEachRow"}
        named |= {f"param_{name}": value for name, value in parameters.items()}
        answer = httpx.post(running.clickhouse, params=named, content=sql, timeout=60, verify=PLAIN)
        assert answer.status_code == httpx.codes.OK, (sql, answer.text)
        return answer.text

    return read


class Written:
    """What one version wrote."""

    def __init__(self, folder: Path) -> None:
        self.version = folder.name
        self.checksums: dict[str, str] = json.loads((folder / _CHECKSUMS).read_text())
        recorded = json.loads((folder / _ANSWERS).read_text())
        self.start: int = recorded["start"]
        self.answers: dict[str, list[dict[str, Any]]] = recorded["answers"]
        self._packed = folder / _STORE

    def unpack(self, data_dir: Path) -> None:
        """Lay its files out as the data directory of a collector."""
        with tarfile.open(self._packed) as packed:
            packed.extractall(data_dir / "store", filter="tar")


def written() -> list[Written]:
    """Give every version, oldest first."""
    return [Written(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()]


def write(folder: Path) -> None:
    """Have a collector of today store what is told, and keep its files and its answers."""
    with tempfile.TemporaryDirectory() as temporary, collector(Path(temporary) / "data", *FLAGS) as running:
        start = int(running.sql("SELECT toUnixTimestamp(toStartOfHour(now() - 7200))")) * told.SECOND
        for kind, request in told.requests(start):
            running.post(f"/v1/{kind.name}", request.SerializeToString()).raise_for_status()
        with closing(Saved(running.otlp)) as saved:
            saved.put("dashboard", "mine", SAVED)
        wait_for(lambda: running.sql("SELECT sum(Calls) FROM quarterdeck.llm_1h") == "4")
        wait_for(lambda: running.sql("SELECT count() FROM quarterdeck.otel_metrics_summary") == "2")
        wait_for(lambda: running.sql("SELECT count() FROM quarterdeck.otel_logs") == "2")
        found = answers(reader(running), start)
        assert running.stop() == 0
        folder.mkdir(parents=True)
        with lzma.open(folder / _STORE, "wb", preset=9) as file, tarfile.open(fileobj=file, mode="w") as packed:
            packed.add(Path(temporary) / "data" / "store", ".", filter=_anybody)
    recorded = {"start": start, "answers": {name: found[name] for name in SAME}}
    (folder / _ANSWERS).write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    (folder / _CHECKSUMS).write_text(json.dumps(checksums(), indent=1) + "\n")


def _anybody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, "", ""
    return entry


def main() -> int:
    """Add the store of today unless it is there."""
    newest = max(version for version in checksums() if "/" not in version)
    if (folder := FOLDER / newest).exists():
        print(f"{folder} is there already: there is no migration after it")
        return 1
    write(folder)
    print(f"wrote {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
