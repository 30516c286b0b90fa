"""A run whose beginning and end another process tells: the program that moves in is that run."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import quarterdeck as qd
from quarterdeck import config, durable
from quarterdeck.context import Run
from quarterdeck.gate import Gate

IDENTITY = durable.identity("run-1", "voyage", "3")


class Captain:
    """Commands the one run of this process."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.gate: Gate | None = None
        self.run: Run

    def opened(self, run: Run, gate: Gate) -> None:
        self.told.append(f"opened {run.id}")
        self.gate, self.run = gate, run

    def changed(self) -> None:
        self.told.append("changed")

    def closed(self, run: Run) -> None:
        self.told.append(f"closed {run.status}")

    def close(self) -> None: ...

    def after_fork(self) -> None: ...


@qd.step
def look() -> str:
    run = qd.current_run()
    assert run is not None
    return run.id


@qd.pipeline("voyage")
def travel() -> list[str]:
    return [look(), look()]


@pytest.fixture
def captain() -> Captain:
    return Captain()


@pytest.fixture
def exported(captain: Captain) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    qd.shutdown()
    qd.init(endpoint="", runner_url="", exporters=[exporter])
    config.obey(captain)
    return exporter


def test_the_first_pipeline_is_the_run_and_writes_no_root(captain: Captain, exported: InMemorySpanExporter) -> None:
    with durable.hosted(IDENTITY):
        assert travel() == ["run-1", "run-1"]
    qd.shutdown()
    spans = exported.get_finished_spans()
    assert [span.name for span in spans] == ["step look", "step look"]
    assert {(span.context.trace_id, span.parent.span_id if span.parent else 0) for span in spans} == {
        (IDENTITY.trace_id, IDENTITY.span_id)
    }
    assert [dict(span.attributes or {})["quarterdeck.step.index"] for span in spans] == [1, 2]
    assert captain.told == ["opened run-1", "closed completed"]


def test_a_second_pipeline_in_it_is_a_run_of_its_own_step(exported: InMemorySpanExporter) -> None:
    @qd.pipeline
    def outer() -> None:
        travel()

    with durable.hosted(IDENTITY):
        outer()
    qd.shutdown()
    assert [span.name for span in exported.get_finished_spans()] == ["step look", "step look", "step voyage"]


def test_it_can_be_cancelled(captain: Captain, exported: InMemorySpanExporter) -> None:
    @qd.pipeline
    def stopped() -> None:
        assert captain.gate is not None
        captain.gate.obey("cancel", captain.run)
        look()

    with durable.hosted(IDENTITY), pytest.raises(qd.RunCancelled):
        stopped()
    qd.shutdown()
    assert captain.told == ["opened run-1", "closed cancelled"]
    assert exported.get_finished_spans() == ()
