"""A disk without room, for the segments and for the embedded engine: refused clearly, nothing lost, nobody needed."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Collection, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from quarterdeck import semconv
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for
from support.exactly_once import derived_sums, spans_of_traces
from support.load import CALL, Load

QUICK = "import quarterdeck_collector.deliver as d; d.LONGEST_PAUSE = 0.5"
BIG = 40_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB and 4,000 files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,nr_inodes=4000", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_bytes(disk: Path) -> None:
    """Leave nothing: ClickHouse cannot even take what has been acknowledged."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(100_000))


def fill_files(disk: Path) -> None:
    """Leave room for some files: the engine fails in the middle of its chain of tables."""
    with contextlib.suppress(OSError):
        for number in count():
            (disk / f"filler {number}").touch()
    for number in range(25):
        (disk / f"filler {number}").unlink()


def large_spans(trace_id: bytes) -> bytes:
    """A request that does not compress."""
    spans = [{"trace_id": trace_id, "attributes": {**CALL, "noise": os.urandom(BIG // 2).hex()}}] * 3
    body: bytes = otlp.traces(*spans).SerializeToString()
    return body


def everything_is_there(running: CollectorProcess, acknowledged: Collection[str]) -> bool:
    """Whether all tables have everything; while the last of them are being filled, a query may be refused."""
    with contextlib.suppress(AssertionError):
        sums = derived_sums(running.sql)
        there = spans_of_traces(running.sql).keys() >= set(acknowledged)
        return there and all(stored == right for stored, right in sums.values())
    return False


LIVE = otlp.logs({"event_name": semconv.EVENT_HEARTBEAT}, scope=semconv.LIVE_SCOPE).SerializeToString()


@pytest.mark.parametrize("fill", [fill_bytes, fill_files])
def test_a_full_disk_refuses_and_what_was_acknowledged_is_stored_once_when_there_is_room(
    small_disk: Path, fill: Callable[[Path], None]
) -> None:
    data = small_disk / "data"
    with collector(data, "--segment-max-age", "0.05", prelude=QUICK) as running, Load(2, 0.01) as load:
        load.make = large_spans
        load.aim(running)
        load.wait_for_one_more()
        fill(small_disk)
        wait_for(lambda: load.refused > 20)
        answer = running.post("/v1/traces", large_spans(otlp.new_trace_id()))
        live = wait_for(lambda: (one := running.post("/v1/logs", LIVE)).status_code == 503 and one)
        ready = httpx.get(f"{running.otlp}/readyz").json()["checks"]
        wait_for(lambda: "ClickHouse does not take traces, will try again" in running.log.read_text())
        for path in small_disk.glob("filler*"):
            path.unlink()
        load.wait_for_one_more()
        acknowledged = load.finish()
        wait_for(lambda: everything_is_there(running, acknowledged))
        wait_for(lambda: httpx.get(f"{running.otlp}/readyz").status_code == 200)
        counts, sums = spans_of_traces(running.sql), derived_sums(running.sql)
        assert running.post("/v1/logs", LIVE).status_code == 200
        assert running.stop() == 0

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the spool is full: cannot write to" in answer.text
    assert live.headers["retry-after"] == "5"
    assert (ready["clickhouse"]["ok"], ready["spool"]["ok"]) == (False, False)
    assert counts == dict.fromkeys(acknowledged, 3)
    assert [name for name, (stored, right) in sums.items() if stored != right] == []
    assert "Traceback" not in running.log.read_text()
