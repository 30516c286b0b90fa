"""What a runner does at its start with the runs that an earlier one left."""

from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quarterdeck import semconv
from quarterdeck_runner.app import create_app
from quarterdeck_runner.rows import new_row
from quarterdeck_runner.settings import Settings
from quarterdeck_runner.store import Outcome, RunStore
from support.runner import PATIENCE, Runner, eventually, read
from support.servers import serve

SOURCE = "name: left\nsteps: [{name: a, type: echo, value: done}]"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "pipelines").mkdir()
    return Settings(data_dir=tmp_path, pipelines=tmp_path / "pipelines", runner_db=None)


def test_what_was_queued_or_not_yet_told_is_made_good(settings: Settings, exported: InMemorySpanExporter) -> None:
    store = RunStore(settings.database_url)
    store.open()
    queued, ended = (new_row(read(SOURCE).pipeline, SOURCE, {}) for _ in range(2))
    store.insert(queued)
    store.insert(ended)
    store.begin(ended.id)
    store.finish(ended.id, Outcome("failed", 0, error="it broke", error_type="ValueError"))
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        runner = Runner(http, settings.pipelines, settings.data_dir, exported)
        assert runner.result(queued.id)["output"] == "done"
        (root,) = runner.spans(runner.run(ended.id), 1)
        assert dict(root.attributes or {})[semconv.RUN_STATUS] == "failed"
        assert "it broke" in str(root.status.description)
        assert eventually(lambda: not store.unannounced())
    with serve(create_app(settings)):
        assert store.unannounced() == []
    assert sorted(span.name for span in exported.get_finished_spans()) == [
        "invoke_workflow left", "invoke_workflow left", "step a",
    ]  # fmt: skip
    store.close()
