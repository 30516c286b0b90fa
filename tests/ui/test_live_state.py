"""The fold of live events, on rows made by hand."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck import semconv as s
from quarterdeck_ui.live_state import LiveRun, LiveState, fold, without
from quarterdeck_ui.queries import Event

SECOND = 1_000_000_000
_TICK = itertools.count(1)


def event(name: str, span: str, text: str = "", at: int = 0, sequence: int = 0, **attributes: Any) -> Event:
    position = at * SECOND or next(_TICK) * 1000
    told = {key.replace("__", "."): str(value) for key, value in attributes.items()}
    return Event(
        position=position,
        time_ns=position,
        name=name,
        run_id="r1",
        span_id=span,
        pipeline="invoice",
        trace_id="t1",
        parent_id="root" if span != "root" else "",
        span_name=f"span {span}",
        start_ns=5,
        step_id="s1" if span.startswith("c") else "",
        step_name="extract",
        sequence=sequence,
        text=text,
        attributes=told,
    )


def attributes(**named: Any) -> dict[str, Any]:
    return {getattr(s, key).replace(".", "__"): value for key, value in named.items()}


def chunk(sequence: int, text: str, kind: str = "text") -> Event:
    return event(s.EVENT_RESPONSE_STREAMING, "c1", text, sequence=sequence, **attributes(CHUNK_KIND=kind))


def run_of(*events: Event) -> LiveRun:
    return fold({}, events)["r1"]


def test_a_run_goes_from_its_start_to_its_end() -> None:
    begin = event(s.EVENT_PIPELINE_STARTED, "root", **attributes(RUN_STATUS="running", STEP_TOTAL=3, RUN_INPUT="{}"))
    paused = event(s.EVENT_HEARTBEAT, "root", **attributes(RUN_STATUS="paused"))
    end = event(s.EVENT_PIPELINE_ERROR, "root", **attributes(RUN_STATUS="failed", SPAN_END=99, EXCEPTION_MESSAGE="no"))
    states = [run_of(begin), run_of(begin, paused), run_of(begin, paused, end)]
    assert [(run.status, run.end_ns, run.step_total, run.pipeline) for run in states] == [
        ("running", None, 3, "invoice"),
        ("paused", None, 3, "invoice"),
        ("failed", 99, 3, "invoice"),
    ]
    assert states[-1].attributes[s.EXCEPTION_MESSAGE] == "no"


def test_a_late_heartbeat_does_not_reopen_an_ended_run() -> None:
    end = event(s.EVENT_PIPELINE_COMPLETED, "root", **attributes(RUN_STATUS="cancelled", SPAN_END=7))
    late = event(s.EVENT_HEARTBEAT, "root", **attributes(RUN_STATUS="running"))
    assert run_of(end, late).status == "cancelled"


def test_an_older_heartbeat_does_not_undo_a_newer_status() -> None:
    old = event(s.EVENT_HEARTBEAT, "root", at=5, **attributes(RUN_STATUS="running"))
    new = event(s.EVENT_HEARTBEAT, "root", at=6, **attributes(RUN_STATUS="paused"))
    assert run_of(new, old).status == "paused"


def test_a_step_carries_progress_and_message() -> None:
    start = event(s.EVENT_STEP_STARTED, "s1", **attributes(STEP_INDEX=2, STEP_TOTAL=4, STEP_TOKEN_BUDGET=900))
    told = event(s.EVENT_STEP_PROGRESS, "s1", "12 pages", **attributes(STEP_PROGRESS_DONE=1, STEP_PROGRESS_TOTAL=4))
    step = run_of(start, told).steps["s1"]
    assert (step.name, step.progress, step.message, step.attributes[s.STEP_TOKEN_BUDGET]) == (
        "extract",
        0.25,
        "12 pages",
        "900",
    )


def test_a_step_that_ended_with_an_error_type_failed() -> None:
    step = run_of(event(s.EVENT_STEP_COMPLETED, "s1", **attributes(SPAN_END=8, ERROR_TYPE="Boom"))).steps["s1"]
    assert (step.status, step.end_ns) == ("failed", 8)


def test_streamed_text_shows_up_to_the_first_gap() -> None:
    gap = run_of(chunk(0, "one "), chunk(2, "three")).calls["c1"]
    filled = run_of(chunk(0, "one "), chunk(2, "three"), chunk(1, "two ")).calls["c1"]
    assert "".join(c.text for c in gap.ready) == "one "
    assert "".join(c.text for c in filled.ready) == "one two three"


def test_an_ended_call_shows_what_arrived_in_spite_of_a_gap() -> None:
    end = event(s.EVENT_RESPONSE_RECEIVED, "c1", **attributes(SPAN_END=9, USAGE_OUTPUT_TOKENS=3))
    call = run_of(chunk(0, "one "), chunk(2, "three"), end).calls["c1"]
    assert ("".join(c.text for c in call.ready), call.end_ns) == ("one three", 9)


def test_silence_makes_a_working_run_lost_but_never_a_paused_or_ended_one() -> None:
    beat = {
        name: event(s.EVENT_HEARTBEAT, "root", at=100, **attributes(RUN_STATUS=name)) for name in ("running", "paused")
    }
    end = event(s.EVENT_PIPELINE_COMPLETED, "root", at=101, **attributes(RUN_STATUS="completed"))
    assert not run_of(beat["running"]).lost(107 * SECOND)
    assert run_of(beat["running"]).lost(109 * SECOND)
    assert not run_of(beat["paused"]).lost(111 * SECOND)
    assert not run_of(beat["running"], end).lost(999 * SECOND)


def test_what_tells_nothing_new_gives_the_same_object() -> None:
    events = [
        event(s.EVENT_PIPELINE_STARTED, "root", **attributes(RUN_STATUS="running", RUN_INPUT="{}")),
        event(s.EVENT_STEP_STARTED, "s1"),
        event(s.EVENT_STEP_PROGRESS, "s1", **attributes(STEP_PROGRESS=0.5)),
        event(s.EVENT_PROMPT_SENT, "c1", **attributes(REQUEST_MODEL="m")),
        chunk(0, "a"),
        event(s.EVENT_RESPONSE_RECEIVED, "c1", **attributes(SPAN_END=9)),
        event(s.EVENT_STEP_COMPLETED, "s1", **attributes(SPAN_END=9)),
    ]
    state = fold({}, events)
    assert fold(state, events) is state


def test_runs_that_fell_silent_long_ago_are_forgotten() -> None:
    state: LiveState = fold({}, [event(s.EVENT_HEARTBEAT, "root", at=100)])
    assert without(state, 99 * SECOND) is state
    assert without(state, 101 * SECOND) == {}


@given(st.permutations([chunk(index, f"{index} ") for index in range(7)]), st.integers(1, 3))
def test_chunks_in_any_order_and_sent_twice_give_the_text_once(order: list[Event], times: int) -> None:
    call = fold({}, order * times)["r1"].calls["c1"]
    assert "".join(c.text for c in call.ready) == "0 1 2 3 4 5 6 "
