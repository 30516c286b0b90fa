"""Versions of a pipeline that ran, out of the real engine."""

import json
import time

import pytest

from quarterdeck import semconv as s
from quarterdeck_ui.pages.pipelines import versions
from quarterdeck_ui.queries import PipelineVersion, Store, config_of, pipeline_versions
from quarterdeck_ui.scope import Scope
from support.collectors import CollectorProcess, wait_for
from support.scenario import Run

DAY_S = 86_400
DAYS = Scope(seconds=30 * DAY_S)


def told(home: CollectorProcess, version: str, ago: float, error: str = "", pipeline: str = "versioned") -> Run:
    run = Run(home.otlp, pipeline, steps=1, quiet=True, ago=ago)
    run.config |= {s.PIPELINE_VERSION: version, s.PIPELINE_CONFIG: json.dumps({"v": version})}
    step = run.step("judge", 1)
    call = run.call(step, "claude-haiku-4-5", "is it?")
    run.end_call(call, "it is", (1000, 100))
    run.end_step(step, {"ok": True})
    run.end(*(("failed", error) if error else ()))
    return run


def seen(store: Store, scope: Scope, runs: int) -> list[PipelineVersion]:
    def look() -> list[PipelineVersion]:
        found = pipeline_versions(store, "versioned", scope, time.time_ns())
        whole = [each for each in found if each.cost and each.completed + each.failed == each.runs]
        return found if sum(each.runs for each in whole) == runs else []

    result: list[PipelineVersion] = wait_for(look)
    return result


def test_versions_are_counted_priced_and_told_with_their_configuration(home: CollectorProcess, store: Store) -> None:
    old = [told(home, "v1", 3 * DAY_S), told(home, "v1", 2 * DAY_S, "ValueError: no")]
    new = told(home, "v2", 60)
    told(home, "v2", 60, pipeline="another")
    second, first = seen(store, DAYS, 3)
    assert [(each.version, each.runs, each.completed, each.failed) for each in (first, second)] == [
        ("v1", 2, 1, 1), ("v2", 1, 1, 0),
    ]  # fmt: skip
    assert (first.newest_run, second.newest_run) == (old[1].id, new.id)
    assert first.last_ns - first.first_ns == pytest.approx(DAY_S * 1e9, rel=0.01)
    assert first.cost == pytest.approx(2 * second.cost)
    assert [json.loads(config_of(store, each)) for each in (first, second)] == [{"v": "v1"}, {"v": "v2"}]
    assert [row["success"] for row in versions.rows([first, second])] == [0.5, 1.0]
    assert [each.version for each in seen(store, Scope(seconds=DAY_S), 1)] == ["v2"]
    assert pipeline_versions(store, "versioned", Scope(seconds=DAY_S, environment="elsewhere"), time.time_ns()) == []
