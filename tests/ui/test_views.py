"""What the screen shows of runs, spans and payloads, from values made by hand."""

from dataclasses import replace
from typing import Any

import pytest

from quarterdeck import semconv as s
from quarterdeck.runner_types import Input
from quarterdeck_ui import runs_view, span_view, trace_view
from quarterdeck_ui.inputs_form import inputs_of
from quarterdeck_ui.live_state import Chunk, LiveCall, LiveRun, LiveStep
from quarterdeck_ui.queries import Payload, RunRow, Span, Usual
from quarterdeck_ui.runs_view import Progress

SECOND = 1_000_000_000
NOW = 1000 * SECOND
ROW = RunRow(
    id="r1", trace_id="t1", pipeline="invoice", version="v1", root_name="", start_ns=900 * SECOND, end_ns=990 * SECOND,
    ended=False, status="", error_type="", message="", steps=1, errors=0, calls=2, tokens_in=10, tokens_out=5,
    cost=0.25, unpriced=0, models=("claude",), stand_in=False,
)  # fmt: skip
LIVE = LiveRun("r1", "invoice", "t1", "root", 900 * SECOND, status="running", status_ns=5, heard=999 * SECOND)
SPAN = Span(
    id="c1", parent_id="s1", name="chat claude", start_ns=2_000_000, duration_ns=3_000_000, failed=False, message="",
    operation="chat", provider="anthropic", model="claude", step_id="s1", step_name="extract", tokens_in=700,
    tokens_out=200, cache_read=0, cache_write=0, reasoning=0, cost=0.01, first_chunk_s=0.4, finish_reason="stop",
    error_type="", is_call=True, attributes={},
)  # fmt: skip


def view(
    row: RunRow | None = None, live: LiveRun | None = None, told: dict[str, Any] | None = None
) -> runs_view.RunView:
    return runs_view.view(row, live, told, {"invoice": Usual(4, 60_000.0)}, NOW)


@pytest.mark.parametrize(
    ("row", "live", "told", "status"),
    [
        (replace(ROW, ended=True, status="completed"), LIVE, {"id": "r1", "status": "paused"}, "completed"),
        (ROW, LIVE, {"id": "r1", "status": "paused"}, "paused"),
        (ROW, LIVE, None, "running"),
        (ROW, replace(LIVE, heard=980 * SECOND), None, "lost"),
        (ROW, replace(LIVE, status="cancelled", end_ns=5), {"id": "r1", "status": "running"}, "cancelled"),
        (None, None, {"id": "r1", "status": "pending", "created_at": "2026-01-01T00:00:00Z"}, "pending"),
        (ROW, None, None, "running"),
        (replace(ROW, end_ns=1), None, None, "lost"),
    ],
)
def test_the_status_comes_from_the_source_that_knows_best(
    row: RunRow | None, live: LiveRun | None, told: dict[str, Any] | None, status: str
) -> None:
    assert view(row, live, told).status == status


def test_progress_counts_steps_where_the_total_is_known() -> None:
    step = LiveStep("s2", "root", "match", 1, progress=0.5, attributes={s.STEP_INDEX: "2"})
    run = view(ROW, replace(LIVE, step_total=4, steps={"s2": step}))
    assert (run.progress, run.step) == (Progress(0.375, 1, 4), "match")


def test_progress_is_estimated_from_earlier_runs_and_says_so() -> None:
    assert view(ROW, LIVE).progress == Progress(0.25, 1, 4, estimated=True)


def test_progress_is_unknown_where_nothing_tells_it() -> None:
    assert runs_view.view(ROW, LIVE, None, {}, NOW).progress == Progress(None, 1)


def test_what_is_usual_is_the_middle_of_the_completed_runs_and_older_knowledge_fills_the_gaps() -> None:
    rows = [replace(ROW, status=status, steps=steps, end_ns=(900 + steps) * SECOND) for status, steps in
            [("completed", 4), ("completed", 6), ("completed", 5), ("failed", 1)]]  # fmt: skip
    known = {"invoice": Usual(9, 9.0), "nightly": Usual(3, 7.0)}
    assert runs_view.learnt_from(rows, known) == {"invoice": Usual(5, 5000.0), "nightly": Usual(3, 7.0)}


def test_a_run_says_how_long_its_like_takes_until_it_is_over() -> None:
    assert (view(ROW, LIVE).usual_ms, view(replace(ROW, ended=True, status="completed"), LIVE).usual_ms) == (
        60_000,
        None,
    )


def test_tokens_in_flight_are_those_that_are_not_stored_and_an_estimate_of_open_calls() -> None:
    told = {s.USAGE_INPUT_TOKENS: "50", s.USAGE_OUTPUT_TOKENS: "9"}
    over = LiveCall("c8", "s1", "s1", "extract", "chat", 1, 2, attributes=told)
    writing = LiveCall("c9", "s1", "s1", "extract", "chat", 3, chunks=(Chunk(0, "text", "eight le"),))
    asked = replace(writing, id="c10", chunks=(), attributes={s.INPUT_MESSAGES: "twelve lette"})
    live = replace(LIVE, calls={"c8": over, "c9": writing, "c10": asked})
    assert view(ROW, live).flight == 59 - 15 + 5
    assert view(replace(ROW, tokens_in=50, tokens_out=9), replace(LIVE, calls={"c8": over})).flight == 0


def test_a_run_that_is_not_stored_yet_has_the_environment_of_its_service_where_that_is_certain() -> None:
    live = {key: replace(LIVE, id=key, service=key) for key in ("web", "batch")}
    places = [("prod", "web"), ("prod", "batch"), ("test", "batch")]
    runs = runs_view.build((), live, {}, NOW, places=places)
    assert {run.id: (run.environment, run.service) for run in runs} == {
        "web": ("prod", "web"),
        "batch": (None, "batch"),
    }


def test_an_unknown_price_is_never_zero() -> None:
    assert view(replace(ROW, unpriced=2, cost=0.0), LIVE).cost is None
    partly = view(replace(ROW, unpriced=1), LIVE)
    assert (partly.cost, partly.partly_priced) == (0.25, True)


def test_tokens_of_announced_calls_count_before_their_spans_arrive() -> None:
    call = LiveCall(
        "c9", "s1", "s1", "extract", "chat", 1, 2, attributes={s.USAGE_INPUT_TOKENS: "50", s.USAGE_OUTPUT_TOKENS: "9"}
    )
    run = view(ROW, replace(LIVE, calls={"c9": call}))
    assert (run.tokens_in, run.tokens_out) == (50, 9)


def test_open_runs_come_first_then_the_newest() -> None:
    rows = [
        replace(ROW, id="old", ended=True, status="failed", start_ns=1),
        replace(ROW, id="new", ended=True, status="completed", start_ns=950 * SECOND),
        replace(ROW, id="open", start_ns=2),
    ]
    assert [run.id for run in runs_view.build(rows, {}, {}, NOW)] == ["open", "new", "old"]


def test_a_finished_span_wins_over_its_announcement_and_steps_sum_their_calls() -> None:
    step = LiveStep("s1", "root", "extract", 1_000_000, attributes={s.STEP_TOKEN_BUDGET: "1000"})
    announced = LiveCall("c1", "s1", "s1", "extract", "chat claude", 2_000_000)
    streaming = LiveCall("c2", "s1", "s1", "extract", "chat claude", 9_000_000, attributes={s.REQUEST_MODEL: "gemini"})
    live = replace(LIVE, start_ns=0, steps={"s1": step}, calls={"c1": announced, "c2": streaming})
    nodes = {node.id: node for node in trace_view.nodes([SPAN], live)}
    assert list(nodes) == ["root", "s1", "c1", "c2"]
    assert (nodes["c1"].end, nodes["c1"].status) == (5.0, "completed")
    assert (nodes["c2"].end, nodes["c2"].status, nodes["c2"].name) == (None, "running", "gemini")
    assert (nodes["s1"].tokens_in, nodes["s1"].tokens_out, nodes["s1"].cost, nodes["s1"].budget) == (
        700,
        200,
        0.01,
        1000,
    )
    assert trace_view.newest_call(nodes.values()) == "c2"


def test_an_announced_call_stays_one_until_its_use_is_counted_for_it_or_for_a_span_inside_it() -> None:
    live = replace(LIVE, calls={"c1": LiveCall("c1", "s1", "s1", "extract", "chat claude", 2_000_000)})
    uncounted, inside = replace(SPAN, is_call=False), replace(SPAN, id="c0", parent_id="c1")

    def kinds(*spans: Span) -> dict[str, str]:
        return {node.id: node.kind for node in trace_view.nodes(spans, live) if node.kind != "run"}

    assert kinds() == kinds(uncounted) == kinds(SPAN) == {"c1": "call"}
    assert kinds(uncounted, inside) == {"c0": "call", "c1": "span"}


def test_spans_whose_parents_form_a_ring_still_show() -> None:
    ring = [replace(SPAN, id="a", parent_id="b"), replace(SPAN, id="b", parent_id="a")]
    assert [node.id for node in trace_view.nodes(ring, None)] == ["a", "b"]


def test_the_inspector_shows_what_was_captured() -> None:
    payload = Payload(
        {s.INPUT_MESSAGES: "[1]", s.OUTPUT_MESSAGES: "[2]", "input.value": "x"},
        {s.REQUEST_TEMPERATURE: "0.2", s.USAGE_INPUT_TOKENS: "7"},
        "stop",
        "Boom",
        "it broke",
    )
    assert span_view.from_payload("c1", payload) == span_view.SpanView(
        "c1",
        live=False,
        texts={"input": "[1]", "output": "[2]"},
        parameters={"temperature": "0.2"},
        usage={"input": "7"},
        finish="stop",
        error="Boom: it broke",
        attributes={"gen_ai.request.temperature": "0.2", "gen_ai.usage.input_tokens": "7", "input.value": "x"},
    )


FIELDS: list[Input] = [
    {"name": "topic", "type": "string", "required": True, "default": None, "description": ""},
    {"name": "extra", "type": "object", "required": False, "default": None, "description": ""},
]


def test_empty_optional_inputs_are_left_out_and_json_is_parsed() -> None:
    assert inputs_of(FIELDS, {"topic": "tides", "extra": ""}) == {"topic": "tides"}
    assert inputs_of(FIELDS, {"topic": "tides", "extra": '{"a": 1}'}) == {"topic": "tides", "extra": {"a": 1}}


@pytest.mark.parametrize(
    ("raw", "said"), [({"topic": ""}, "topic needs"), ({"topic": "a", "extra": "{"}, "must be JSON")]
)
def test_wrong_inputs_say_what_is_wrong(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        inputs_of(FIELDS, raw)
