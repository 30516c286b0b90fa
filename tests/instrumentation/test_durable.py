import time
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import quarterdeck as qd
from quarterdeck import durable, semconv
from quarterdeck.testing import Recording, recording
from support.waiting import eventually


def test_the_identity_is_a_hash_of_the_run_id() -> None:
    one = durable.identity("run-1", "p", "v")
    assert one == durable.identity("run-1", "p", "v")
    assert (one.trace_id, one.span_id) != (
        durable.identity("run-2", "p").trace_id,
        durable.identity("run-2", "p").span_id,
    )
    assert one.trace_id.bit_length() <= 128
    assert one.span_id.bit_length() <= 64
    assert one.trace_id
    assert one.span_id


async def test_a_run_in_two_processes_is_one_trace_with_one_root(telemetry: Recording) -> None:
    run = durable.identity("run-1", "nightly", "7")
    start = time.time_ns() - 5_000_000_000
    durable.started(run, start_ns=start, config={"c": 1}, input={"i": 2}, steps_total=2)
    durable.started(run, start_ns=start, config={"c": 1}, input={"i": 2}, steps_total=2)
    one_step = qd.step("one", index=1, total=2, kind="claude", token_budget=10, attempt=1, input={"q": 1})
    with durable.attach(run), one_step as step:
        step.output("a")
    with durable.attach(durable.identity("run-1", "nightly", "7")):
        async with qd.step("two"):
            pass
    durable.finished(
        run,
        start_ns=start,
        end_ns=start + 9_000_000_000,
        status="completed",
        output={"o": 3},
        config={"c": 1},
        input={"i": 2},
    )

    spans = telemetry.spans()
    root, one, two = spans
    context = root.get_span_context()
    assert context is not None
    assert (context.trace_id, context.span_id) == (run.trace_id, run.span_id)
    assert (root.start_time, root.end_time) == (start, start + 9_000_000_000)
    for span in (one, two):
        assert span.parent is not None
        assert span.parent.span_id == run.span_id
        assert span.parent.trace_id == run.trace_id
        assert (span.attributes or {})[semconv.RUN_ID] == "run-1"
    assert telemetry.normal_spans()[0] == {
        "name": "invoke_workflow nightly",
        "parent": None,
        "status": "UNSET",
        "attributes": {
            semconv.AGENT_NAME: "nightly",
            semconv.OPERATION_NAME: "invoke_workflow",
            semconv.WORKFLOW_NAME: "nightly",
            semconv.PIPELINE_CONFIG: '{"c":1}',
            semconv.PIPELINE_NAME: "nightly",
            semconv.RUN_INPUT: '{"i":2}',
            semconv.RUN_OUTPUT: '{"o":3}',
            semconv.RUN_STATUS: "completed",
            semconv.STEP_TOTAL: 2,
        },
    }
    assert root.resource.attributes["service.name"]


def test_live_events_of_a_durable_run(telemetry: Recording) -> None:
    def events() -> list[tuple[str, Any]]:
        return [(event["event"], event["attributes"].get(semconv.RUN_STATUS)) for event in telemetry.events()]

    run = durable.identity("run-live", "nightly")
    durable.started(run, start_ns=time.time_ns(), config=None, input=None, steps_total=None)
    durable.status(run, "waiting")
    assert events() == [(semconv.EVENT_PIPELINE_STARTED, "waiting"), (semconv.EVENT_HEARTBEAT, "waiting")]
    durable.status(run, "running")
    eventually(lambda: events().count((semconv.EVENT_HEARTBEAT, "running")) >= 2)
    error = RuntimeError("why")
    durable.finished(run, start_ns=1, end_ns=2, status="failed", error=error)
    assert events()[-1] == (semconv.EVENT_PIPELINE_ERROR, "failed")
    last = telemetry.events()[-1]["attributes"]
    assert (last[semconv.ERROR_TYPE], last[semconv.EXCEPTION_MESSAGE]) == ("RuntimeError", "RuntimeError: why")
    assert telemetry.spans()[0].status.status_code is StatusCode.ERROR


def test_a_status_for_an_unknown_run_is_ignored(telemetry: Recording) -> None:
    durable.status(durable.identity("nobody", "p"), "paused")
    assert telemetry.events() == []


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_capture_off_leaves_payloads_out(status: str) -> None:
    with recording(capture="off") as telemetry:
        run = durable.identity(f"quiet-{status}", "p")
        durable.finished(run, start_ns=1, end_ns=2, status=status, output=1, config={"a": 1}, input={"b": 1})
        (root,) = telemetry.normal_spans()
    assert root["attributes"][semconv.RUN_STATUS] == status
    assert not {semconv.RUN_OUTPUT, semconv.RUN_INPUT, semconv.PIPELINE_CONFIG} & set(root["attributes"])
