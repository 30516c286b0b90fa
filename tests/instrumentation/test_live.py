import asyncio
import logging
import time
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck import config, live_kinds, semconv
from quarterdeck.channel import QUEUE_RECORDS
from quarterdeck.testing import Recording, recording
from support.spans import span_id
from support.waiting import eventually


def names(telemetry: Recording) -> list[str]:
    return [event["event"] for event in telemetry.events()]


def open_events(telemetry: Recording, name: str) -> list[dict[str, Any]]:
    return [event for event in telemetry.events() if event["event"] == name]


def test_what_is_shorter_than_one_look_sends_nothing(telemetry: Recording) -> None:
    @qd.pipeline
    def quick() -> None:
        with qd.step("a") as step:
            step.progress(0.5)

    for _ in range(20):
        quick()
    channel = config.live()
    assert channel is not None
    assert not channel._events
    assert len(telemetry.spans()) == 40
    assert names(telemetry) == []


def test_a_long_step_is_told_from_start_to_end(telemetry: Recording) -> None:
    @qd.pipeline(version="3", config={"c": 1}, total=2)
    def slow(x: int) -> int:
        with qd.step("quick"):
            pass
        with qd.step("long", input={"q": x}, token_budget=9) as step:
            eventually(lambda: open_events(telemetry, semconv.EVENT_STEP_STARTED))
            step.progress(0.25)
            step.progress(done=1, total=2, message="half way")
        return x

    slow(1)

    events = telemetry.events()
    run_span, quick_span, step_span = telemetry.spans()
    assert quick_span.name == "step quick"
    run = {
        semconv.RUN_ID: (run_span.attributes or {})[semconv.RUN_ID],
        semconv.PIPELINE_NAME: "slow",
        semconv.SPAN_NAME: "invoke_workflow slow",
        semconv.SPAN_PARENT_ID: "",
        semconv.SPAN_START: run_span.start_time,
    }
    step = {
        semconv.RUN_ID: run[semconv.RUN_ID],
        semconv.PIPELINE_NAME: "slow",
        semconv.STEP_ID: span_id(step_span),
        semconv.STEP_NAME: "long",
        semconv.SPAN_NAME: "step long",
        semconv.SPAN_PARENT_ID: span_id(run_span),
        semconv.SPAN_START: step_span.start_time,
    }
    assert [event for event in events if event["event"] != semconv.EVENT_HEARTBEAT] == [
        {
            "event": semconv.EVENT_PIPELINE_STARTED,
            "span": step[semconv.SPAN_PARENT_ID],
            "body": None,
            "attributes": {
                **run,
                semconv.RUN_STATUS: "running",
                semconv.PIPELINE_VERSION: "3",
                semconv.PIPELINE_CONFIG: '{"c":1}',
                semconv.RUN_INPUT: '{"x":1}',
                semconv.STEP_TOTAL: 2,
            },
        },
        {
            "event": semconv.EVENT_STEP_STARTED,
            "span": step[semconv.STEP_ID],
            "body": None,
            "attributes": {
                **step,
                semconv.STEP_INDEX: 2,
                semconv.STEP_TOTAL: 2,
                semconv.STEP_ATTEMPT: 1,
                semconv.STEP_KIND: "python",
                semconv.STEP_INPUT: '{"q":1}',
                semconv.STEP_TOKEN_BUDGET: 9,
            },
        },
        {
            "event": semconv.EVENT_STEP_PROGRESS,
            "span": step[semconv.STEP_ID],
            "body": "half way",
            "attributes": {
                **step,
                semconv.STEP_PROGRESS: 0.5,
                semconv.STEP_PROGRESS_DONE: 1,
                semconv.STEP_PROGRESS_TOTAL: 2,
            },
        },
        {
            "event": semconv.EVENT_STEP_COMPLETED,
            "span": step[semconv.STEP_ID],
            "body": None,
            "attributes": {**step, semconv.STEP_STATUS: "completed", semconv.SPAN_END: step_span.end_time},
        },
        {
            "event": semconv.EVENT_PIPELINE_COMPLETED,
            "span": step[semconv.SPAN_PARENT_ID],
            "body": None,
            "attributes": {**run, semconv.RUN_STATUS: "completed", semconv.SPAN_END: run_span.end_time},
        },
    ]


def test_a_failed_run_says_why(telemetry: Recording) -> None:
    @qd.pipeline
    def doomed() -> None:
        eventually(lambda: open_events(telemetry, semconv.EVENT_PIPELINE_STARTED))
        raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        doomed()

    (end,) = open_events(telemetry, semconv.EVENT_PIPELINE_ERROR)
    assert end["attributes"][semconv.RUN_STATUS] == "failed"
    assert end["attributes"][semconv.ERROR_TYPE] == "ValueError"
    assert end["attributes"][semconv.EXCEPTION_MESSAGE] == "ValueError: the reason"


def test_an_open_run_sends_heartbeats_and_a_changed_status_at_once(telemetry: Recording) -> None:
    with qd.pipeline("patient") as run:
        run.status = "waiting"
        first = eventually(lambda: open_events(telemetry, semconv.EVENT_HEARTBEAT))
        assert first[0]["attributes"][semconv.RUN_STATUS] == "waiting"
        assert names(telemetry)[0] == semconv.EVENT_PIPELINE_STARTED
        eventually(lambda: len(open_events(telemetry, semconv.EVENT_HEARTBEAT)) >= 3)
        run.status = "running"
        eventually(
            lambda: open_events(telemetry, semconv.EVENT_HEARTBEAT)[-1]["attributes"][semconv.RUN_STATUS] == "running"
        )


def test_chunks_are_joined_per_look_numbered_and_complete(telemetry: Recording) -> None:
    channel = config.live()
    assert channel is not None
    with config.tracer().start_as_current_span("chat m") as span:
        call = span.get_span_context().span_id
        channel.opened(live_kinds.CALL, span, {semconv.REQUEST_MODEL: "m"})
        said = ""
        while len(open_events(telemetry, semconv.EVENT_RESPONSE_STREAMING)) < 3:
            channel.chunk(call, "text", "ab")
            said += "ab"
            time.sleep(0.01)
        channel.chunk(call, "thinking", "hm")
        channel.chunk(call, "text", "")
        channel.chunk(call, "text", "end")
    channel.chunk(call, "text", "too late")

    chunks = [event["attributes"] for event in open_events(telemetry, semconv.EVENT_RESPONSE_STREAMING)]
    assert [chunk[semconv.CHUNK_SEQUENCE] for chunk in chunks] == list(range(len(chunks)))
    assert "".join(c[semconv.CHUNK_TEXT] for c in chunks if c[semconv.CHUNK_KIND] == "text") == said + "end"
    assert [c[semconv.CHUNK_TEXT] for c in chunks if c[semconv.CHUNK_KIND] == "thinking"] == ["hm"]
    assert len(chunks) < len(said) / 2


async def test_parallel_runs_are_told_apart(telemetry: Recording) -> None:
    @qd.pipeline
    async def one(_n: int) -> None:
        await asyncio.sleep(0.5)

    await asyncio.gather(*(one(n) for n in range(5)))
    started = open_events(telemetry, semconv.EVENT_PIPELINE_STARTED)
    ended = open_events(telemetry, semconv.EVENT_PIPELINE_COMPLETED)
    assert len({event["attributes"][semconv.RUN_ID] for event in started}) == 5
    assert {event["span"] for event in started} == {event["span"] for event in ended}


def test_log_records_of_the_program_carry_the_trace_and_our_own_are_left_out(telemetry: Recording) -> None:
    with qd.pipeline("logged"), qd.step("noisy") as step:
        step.log("from the step")
        logging.getLogger("app").warning("from %s", "the app", extra={"ignored": 1})
        logging.getLogger("app").debug("too quiet")
        logging.getLogger("quarterdeck").warning("our own")
        logging.getLogger("opentelemetry.sdk").warning("theirs")
        try:
            dict[str, int]()["k"]
        except KeyError:
            logging.getLogger("app").exception("failed")

    records = telemetry.logs()
    assert [(record["body"], record["span"]) for record in records] == [
        ("from the step", step.id),
        ("from the app", step.id),
        ("failed", step.id),
    ]
    assert records[0]["attributes"][semconv.STEP_NAME] == "noisy"
    assert records[2]["attributes"]["exception.type"] == "KeyError"


def test_a_score_is_the_event_of_the_conventions_and_belongs_to_the_judged_span(telemetry: Recording) -> None:
    with qd.pipeline("judged") as run:
        with qd.step("write") as step:
            qd.score("length", 0.75)
        qd.score("tone", label="warm", explanation="it smiles", of=step, response_id="msg_1")
        with qd.step("secret", capture="off"):
            qd.score("run", 1, explanation="cites the secret", of=run)

    of_run = {semconv.RUN_ID: run.id, semconv.PIPELINE_NAME: "judged"}
    of_step = {**of_run, semconv.STEP_ID: step.id, semconv.STEP_NAME: "write"}
    run_span = f"{run.span.get_span_context().span_id:016x}"
    assert [(record["event"], record["span"], record["attributes"]) for record in telemetry.logs()] == [
        (
            semconv.EVENT_EVALUATION,
            step.id,
            {**of_step, semconv.EVALUATION_NAME: "length", semconv.EVALUATION_SCORE: 0.75},
        ),
        (
            semconv.EVENT_EVALUATION,
            step.id,
            {
                **of_step,
                semconv.EVALUATION_NAME: "tone",
                semconv.EVALUATION_LABEL: "warm",
                semconv.EVALUATION_EXPLANATION: "it smiles",
                semconv.RESPONSE_ID: "msg_1",
            },
        ),
        (
            semconv.EVENT_EVALUATION,
            run_span,
            {**of_run, semconv.EVALUATION_NAME: "run", semconv.EVALUATION_SCORE: 1.0},
        ),
    ]


def test_a_full_queue_forgets_the_oldest_and_counts() -> None:
    with recording() as telemetry:
        channel = config.live()
        assert channel is not None
        with qd.pipeline("busy") as run:
            eventually(telemetry.events)
            with channel._events._sending:  # as if a request took very long
                for n in range(QUEUE_RECORDS + 500):
                    run.status = "waiting" if n % 2 else "paused"
            assert channel._events._health.dropped > 0
            assert len(channel._events._queue) <= QUEUE_RECORDS
