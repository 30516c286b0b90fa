"""What the charts show: of which time, from which table, and the runs behind it; runs and spans as documents."""

import json
import math
import time
from pathlib import Path

import httpx
import pytest

from quarterdeck import semconv as s
from quarterdeck_ui import queries
from quarterdeck_ui.chart_reader import ChartReader, chart_range, every
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.queries import ChartRange, Performance, Store
from quarterdeck_ui.queries.performance import spread
from quarterdeck_ui.scope import Scope
from support import otlp
from support.collectors import PLAIN, CollectorProcess, wait_for
from support.dashboard import dashboard
from support.scenario import Run

NS = 10**9
NOW = 1_800_000_000 * NS
HOUR = 3600


@pytest.mark.parametrize(
    ("scope", "bucket", "seconds"),
    [
        (Scope(), 15, 3),
        (Scope(seconds=HOUR), 60, 3),
        (Scope(seconds=6 * HOUR), 300, 15),
        (Scope(seconds=24 * HOUR), 900, 15),
        (Scope(seconds=7 * 24 * HOUR), 7200, 60),
        (Scope(seconds=30 * 24 * HOUR), 28_800, 60),
        (Scope(since_ms=(NOW // NS - 9 * HOUR) * 1e3, until_ms=(NOW // NS - 8 * HOUR) * 1e3), 60, 600),
    ],
)
def test_a_longer_range_has_wider_intervals_and_is_read_less_often(scope: Scope, bucket: int, seconds: float) -> None:
    asked = chart_range(scope, NOW)
    assert (asked.bucket, every(asked, NOW)) == (bucket, seconds)


def test_charts_to_which_nothing_came_stay_equal_within_an_interval() -> None:
    now, later, next_ = (chart_range(Scope(seconds=HOUR), NOW + seconds * NS) for seconds in (1, 58, 62))
    assert now == later != next_


def test_quantiles_spread_into_a_histogram_that_keeps_the_number_of_calls() -> None:
    found = spread([1.0, 1.0, 2.0, 4.0], 30)
    assert {2 ** (step / 4): calls for step, calls in found.items() if calls > 9} == {1.0: 12.5}
    assert (min(found), max(found)) == (0, 7)
    assert math.isclose(sum(found.values()), 30, abs_tol=0.1)


def tell(home: CollectorProcess, service: str, ends: list[tuple[float, float]]) -> None:
    """Model calls of a service: how many seconds ago each ended, and how long it took."""
    now = time.time_ns()
    spans = [
        {
            "start_time_unix_nano": now - int((ago + took) * NS),
            "end_time_unix_nano": now - int(ago * NS),
            "attributes": {
                s.OPERATION_NAME: s.OPERATION_CHAT,
                s.REQUEST_MODEL: "m",
                s.USAGE_INPUT_TOKENS: 10,
                s.USAGE_OUTPUT_TOKENS: 5,
                s.RESPONSE_TIME_TO_FIRST_CHUNK: took / 10,
            },
        }
        for ago, took in ends
    ]
    home.post("/v1/traces", otlp.traces(*spans, resource={"service.name": service}).SerializeToString())


def calls(found: Performance) -> int:
    return sum(point.calls for point in found.models)


def test_sums_by_minute_and_hour_show_what_the_calls_themselves_show(home: CollectorProcess, store: Store) -> None:
    took = [0.5, 1.0, 2.0, 4.0] * 5
    tell(home, "charts", [(120 + 10 * n, seconds) for n, seconds in enumerate(took)])
    tell(home, "charts", [(3 * 24 * HOUR, 8.0)])
    tell(home, "elsewhere", [(60, 99.0)])

    def read(seconds: float) -> Performance:
        return queries.performance(store, chart_range(Scope(seconds=seconds, service="charts"), time.time_ns()))

    wait_for(lambda: calls(read(7 * 24 * HOUR)) == 21)
    hour, day, week = read(HOUR), read(24 * HOUR), read(7 * 24 * HOUR)
    assert [calls(each) for each in (hour, day, week)] == [20, 20, 21]
    assert (hour.overall.p50, hour.overall.p99, hour.overall.first_p50) == pytest.approx((1.5, 4.0, 0.15), rel=0.01)
    assert [(low, n) for low, _, n in hour.histogram] == [(0.5, 5), (1.0, 5), (2.0, 5), (4.0, 5)]
    for sums in (day, week):
        assert sum(n for _, _, n in sums.histogram) == pytest.approx(calls(sums), rel=0.01)
        assert 1.0 <= (sums.overall.p50 or 0) <= 2.0
        assert sum(point.tokens_in + point.tokens_out for point in sums.models) == 15 * calls(sums)


def test_the_runs_behind_a_point_come_in_the_order_of_what_it_shows(home: CollectorProcess, store: Store) -> None:
    tell(home, "behind", [(100, 1.0), (100, 9.0), (101, 3.0), (4000, 50.0)])
    now = time.time_ns()
    asked = ChartRange(now - 300 * NS, now, service="behind")
    wait_for(lambda: len(queries.runs_behind(store, asked, "latency")) == 3)
    slowest = queries.runs_behind(store, asked, "latency")
    assert [round(run.longest) for run in slowest] == [9, 3, 1]
    assert queries.runs_behind(store, asked, "errors") == []
    assert [run.id for run in queries.runs_behind(store, asked, "latency", took=(2.0, 8.0))] == [slowest[1].id]
    payload = queries.raw_span(store, slowest[0].id, slowest[0].span)
    assert payload is not None
    assert payload["SpanAttributes"][s.REQUEST_MODEL] == "m"


async def test_screens_of_one_scope_share_its_charts_and_scopes_nobody_looks_at_are_not_read(store: Store) -> None:
    hub = Hub()
    reader = ChartReader(hub, store)
    scope = Scope(seconds=HOUR, environment="nowhere")
    assert hub.performance(scope) is None
    await reader.read(time.time_ns())
    found = hub.performance(scope)
    assert found is not None
    assert (found.bucket, found.models) == (60, ())
    await reader.read(time.time_ns())
    assert hub.performance(scope) is found
    assert hub.performance(Scope(seconds=60)) is None


def test_a_run_and_a_span_are_documents(home: CollectorProcess, tmp_path: Path) -> None:
    run = Run(home.otlp, "documents", steps=1, ago=30)
    step = run.step("judge", 1, value={"claim": 7})
    call = run.call(step, "claude-haiku-4-5", "the question", system="Be brief.")
    with dashboard(tmp_path, home.otlp, home.clickhouse) as ui, httpx.Client(base_url=ui.url, verify=PLAIN) as http:

        def read(what: str, **query: str) -> dict[str, object]:
            answer = http.get(f"/deck/{what}.json", params={"run": run.id, **query})
            return answer.json() if answer.status_code == 200 else {}

        live = wait_for(lambda: read("span", span=call.id.hex()))
        assert (live["finished"], json.dumps(live["Attributes"]).count("the question")) == (False, 1)
        run.end_call(call, "the answer", (5, 7))
        run.end_step(step, {"ok": True})
        run.end()
        document = wait_for(lambda: (found := read("run")).get("output") and found)
        assert document["configuration"] == {"steps": 1}
        (judged,) = document["steps"]
        assert (judged["name"], judged["input"], judged["output"]) == ("judge", {"claim": 7}, {"ok": True})
        stored = wait_for(lambda: (found := read("span", span=call.id.hex())).get("Duration") and found)
        assert "the answer" in json.dumps(stored["Attributes"])
        gone = http.get("/deck/run.json", params={"run": "none"})
        assert (gone.status_code, gone.json()) == (404, {"error": "there is no run 'none' here"})
        assert http.get("/deck/behind.json", params={"by": "colour"}).status_code == 400
