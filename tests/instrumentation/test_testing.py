"""The test kit keeps its promises to those who test with it."""

from opentelemetry import trace

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording, recording


def run() -> list[tuple[str, str, int | None, int | None]]:
    with recording(deterministic=True) as telemetry:
        with qd.pipeline("p"), qd.step("s"), trace.get_tracer("theirs").start_as_current_span("other"):
            pass
        return [
            (span.name, f"{context.trace_id:x}/{context.span_id:x}", span.start_time, span.end_time)
            for span in telemetry.spans()
            if (context := span.get_span_context())
        ]


def test_deterministic_ids_and_times_are_the_same_in_every_run() -> None:
    at = 1_767_225_600_000_000_000
    expected = [("invoke_workflow p", "1/1", at, at + 5_000_000), ("step s", "1/2", at + 1_000_000, at + 4_000_000)]
    assert run() == run() == [*expected, ("other", "1/3", at + 2_000_000, at + 3_000_000)]


def test_run_ids_are_counted_too_and_ordinary_again_afterwards() -> None:
    with recording(deterministic=True), qd.pipeline("p") as first:
        assert first.id == "00000000-0000-7000-8000-000000000001"
    with recording() as telemetry, qd.pipeline("p") as second:
        assert second.id != first.id
    assert telemetry.spans()[0].start_time != 1_767_225_600_000_000_000


def test_the_fixture_records(telemetry: Recording) -> None:
    with qd.step("s"):
        pass
    assert [span["attributes"][semconv.STEP_NAME] for span in telemetry.normal_spans()] == ["s"]
