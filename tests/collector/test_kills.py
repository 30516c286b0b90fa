"""Kills at random points under load: every acknowledged span is stored exactly once, whatever was going on."""

import random
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.collectors import EAGER, CollectorProcess, addresses, collector, launch, wait_for
from support.exactly_once import derived_sums, spans_of_traces
from support.load import SPANS_PER_REQUEST, Load, flat_spans, nested_spans

UNDER_LOAD = 14
"""Kills under load; half as many more meet a collector that is starting."""


def soon(seconds: float) -> Callable[[Path], bool]:
    """A moment that comes ``seconds`` after it was first asked for."""
    asked: list[float] = []

    def now(_: Path) -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > seconds

    return now


def rewriting(segments: Path) -> bool:
    """The moment at which nested values are being rewritten for ClickHouse."""
    return any(segments.glob("*.tmp"))


def removing() -> Callable[[Path], bool]:
    """A moment at which inserted segments are being removed."""
    before: list[int] = []

    def now(segments: Path) -> bool:
        keys = segments / "recent.keys"
        before.append(keys.stat().st_size if keys.exists() else 0)
        return before[-1] > before[0]

    return now


def moments(chance: random.Random) -> list[Callable[[Path], bool]]:
    """Two of each kind that matters, while nested values are sent, and some at random."""
    by_chance = [soon(chance.uniform(0.02, 0.4)) for _ in range(UNDER_LOAD - 4)]
    return [rewriting, removing(), *by_chance[:1], rewriting, removing(), *by_chance[1:]]


@pytest.mark.timeout(240)
def test_no_acknowledged_span_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - where to kill, no secret
    data, segments = tmp_path / "data", tmp_path / "data" / "segments" / "traces"
    with Load() as load:
        for number, moment in enumerate(moments(chance)):
            if number % 2:
                kill_while_starting(data, chance.uniform(0.2, 1.2))
            process = launch(data, tmp_path / "log", prelude=EAGER)
            found = addresses(tmp_path / "log", process)
            running = CollectorProcess(process, found["OTLP"], found["OTLP/gRPC"], "", tmp_path / "log")
            load.make = nested_spans if number % 3 == 0 else flat_spans
            load.aim(running)
            load.wait_for_one_more()
            wait_for(partial(moment, segments), every=0.005)  # some moments are short
            running.kill()
        with collector(data) as running:
            load.aim(running)
            acknowledged = load.finish()
            wait_for(lambda: spans_of_traces(running.sql).keys() >= acknowledged)
            counts, sums = spans_of_traces(running.sql), derived_sums(running.sql)
            assert running.stop() == 0

    assert len(acknowledged) > 500
    assert counts == dict.fromkeys(acknowledged, SPANS_PER_REQUEST)
    assert sums["runs.Spans"][0] == SPANS_PER_REQUEST * len(acknowledged)
    assert [name for name, (stored, right) in sums.items() if stored != right] == []
    assert not list(segments.rglob("*.otlp"))


def kill_while_starting(data: Path, seconds: float) -> None:
    process = launch(data, data.parent / "starting.log", prelude=EAGER)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.wait()
