"""Analytics of ninety days: planted facts are found, a clean history raises nothing, numbers are what is stored."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from quarterdeck_ui import queries
from quarterdeck_ui.pages.analytics import links, tables
from quarterdeck_ui.pages.analytics.comparison import ASPECTS, Compared, compared, verdict
from quarterdeck_ui.pages.analytics.dashboards.definition import QUANTITIES, DefinitionError, dashboard_of, dimensions
from quarterdeck_ui.pages.analytics.findings import Finding, gather, judge
from quarterdeck_ui.pages.analytics.findings.days import expected
from quarterdeck_ui.pages.analytics.sql.view import examples, rows_of
from quarterdeck_ui.pages.analytics.text import plain
from quarterdeck_ui.queries import CALL_DIMENSIONS, DAY_S, RUN_DIMENSIONS, ChartRange, Store, StoreError, Table
from support.past import SITES
from support.past.plan import FLASH, HAIKU
from support.past.serve import Served

NS = 10**9


@contextlib.contextmanager
def reading(served: Served) -> Iterator[Store]:
    with contextlib.closing(Store(served.home.clickhouse, "quarterdeck")) as store:
        yield store


def last(days: float) -> ChartRange:
    now = time.time_ns()
    return ChartRange(now - int(days * DAY_S) * NS, now)


def found(served: Served, days: float) -> list[Finding]:
    with reading(served) as store:
        return judge(gather(store, last(days)))


@pytest.fixture(scope="module")
def standing_out(planted: Served) -> list[Finding]:
    return found(planted, 90)


@pytest.mark.parametrize("days", [7, 90])
def test_nothing_stands_out_of_a_clean_history(clean: Served, days: int) -> None:
    assert found(clean, days) == []


def test_every_planted_fact_is_found_where_and_when_it_is(planted: Served, standing_out: list[Finding]) -> None:
    findings = {finding.kind: finding for finding in standing_out}
    assert sorted(map(str, findings)) == sorted(finding.kind for finding in standing_out) == sorted(SITES)
    for fact, site in SITES.items():
        where = site.provider or site.pipeline + (f" / {site.step}" if site.step else "")
        assert findings[fact].where == (site.pipeline if fact == "regression" else where)
        begin, end = planted.past.span_of(fact)
        assert not findings[fact].at or begin - DAY_S < findings[fact].at < end, fact
        assert urlsplit(findings[fact].href).path == "/"


def test_parts_of_every_dimension_add_up_to_what_is_stored(planted: Served) -> None:
    stored = planted.home.sql(
        "SELECT count(), sum(IsError), sum(InputTokens), round(sum(Cost), 6) FROM quarterdeck.model_calls FORMAT TSV"
    )
    with reading(planted) as store:
        for dimension in ("", *CALL_DIMENSIONS):
            parts = queries.measures(store, last(91), dimension, DAY_S)
            sums = [sum(getattr(part, name) for part in parts) for name in ("calls", "errors", "tokens_in", "cost")]
            assert "\t".join(map(str, [*sums[:3], round(sums[3], 6)])) == stored, dimension
        runs = int(planted.home.sql("SELECT uniqExact(RunId) FROM quarterdeck.runs"))
        for dimension in ("", *RUN_DIMENSIONS):
            assert sum(each.runs for each in queries.run_measures(store, last(91), dimension, DAY_S)) == runs


def test_peak_hours_are_those_of_the_calls_that_are_stored(clean: Served) -> None:
    stored = clean.home.sql(
        "SELECT toDayOfWeek(Timestamp, 0, 'UTC') AS d, toHour(Timestamp, 'UTC') AS h, count(), sum(IsError) "
        "FROM quarterdeck.model_calls GROUP BY d, h ORDER BY d, h FORMAT TSV"
    )
    with reading(clean) as store:
        hours = queries.busy_hours(store, last(91))
    assert [f"{each.weekday}\t{each.hour}\t{each.calls}\t{each.errors}" for each in hours] == stored.splitlines()


def test_providers_are_compared_as_models_are(clean: Served) -> None:
    with reading(clean) as store:
        pairs = compared(queries.equal_work(store, last(90)), queries.repeated_attempts(store, last(90)), "provider")
    pair = next(each for each in pairs if each.place == ("support-triage", "classify"))
    assert {pair.base, pair.other} == {HAIKU.provider, FLASH.provider}
    better = "better" if pair.other == FLASH.provider else "worse"
    assert [verdict(aspect, pair.estimates[aspect.name]) for aspect in ASPECTS[:4]] == [better] * 4


def test_a_tag_is_any_attribute_of_a_span_or_of_its_resource(clean: Served) -> None:
    with reading(clean) as store:
        assert {"team", "customer.tier"} <= set(queries.tag_names(store, last(1)))
        whole = queries.measures(store, last(91))[0]
        for tag, values in (("team", 5), ("customer.tier", 3)):
            costs = queries.tag_cost(store, last(91), tag)
            assert len(costs) == values
            assert sum(each.cost for each in costs) == pytest.approx(whole.cost)


def test_the_runs_of_a_tag_are_a_query_away(clean: Served) -> None:
    query = parse_qs(urlsplit(links.tagged(last(91), "team", "legal")).query)["sql"][0]
    with reading(clean) as store:
        found = store.read(query, 1000)
    assert (len(found.rows), {row[1] for row in found.rows}) == (500, {"contract-review"})
    assert "\\'" in parse_qs(urlsplit(links.tagged(last(1), "a'b", "c")).query)["sql"][0]


@pytest.fixture(scope="module")
def classify(clean: Served) -> Compared:
    """The step that two models did, half of its calls each."""
    with reading(clean) as store:
        pairs = compared(queries.equal_work(store, last(90)), queries.repeated_attempts(store, last(90)), "model")
    return next(each for each in pairs if each.place == ("support-triage", "classify"))


def test_models_are_compared_on_equal_work_with_intervals_that_hold_the_truth(classify: Compared) -> None:
    fast, slow = (FLASH, HAIKU) if classify.other == FLASH.name else (HAIKU, FLASH)
    first, speed = classify.estimates["first"], classify.estimates["speed"]
    assert first is not None
    assert speed is not None
    assert first.low < fast.first / slow.first < first.high
    assert speed.value == pytest.approx(fast.speed / slow.speed, rel=0.03)
    verdicts = {aspect.name: verdict(aspect, classify.estimates[aspect.name]) for aspect in ASPECTS}
    better = "better" if classify.other == FLASH.name else "worse"
    assert [verdicts[name] for name in ("cost", "first", "speed", "latency")] == [better] * 4
    assert verdicts["errors"] == "no difference to see"


def test_a_retry_is_a_call_that_follows_a_failed_one_of_its_step(clean: Served, classify: Compared) -> None:
    told = int(
        clean.home.sql(
            "SELECT count() FROM quarterdeck.otel_traces WHERE StepName = 'classify' AND SpanName = {name:String} "
            "AND SpanAttributes['http.request.resend_count'] NOT IN ('', '0')",
            name=f"chat {classify.other}",
        )
    )
    assert classify.other_work.again == told > 0


def test_a_day_is_expected_to_be_as_the_others_of_its_weekday() -> None:
    days = [day * DAY_S for day in range(28)]
    values = {at: 10.0 if at // DAY_S % 7 else 99.0 for at in days}
    assert expected(days, values) == values
    assert expected(days[:4], values)[DAY_S] == 10.0


def test_a_link_leads_to_the_runs_behind_a_number(planted: Served, standing_out: list[Finding]) -> None:
    (storm,) = (each for each in standing_out if each.kind == "storm")
    query = parse_qs(urlsplit(storm.href).query)
    begin, end = (datetime.fromisoformat(query[name][0]).timestamp() for name in ("from", "to"))
    assert (begin, end, query["history"]) == (*planted.past.span_of("storm"), ["1"])
    with reading(planted) as store:
        hits = list(queries.search_runs(store, queries.RunSearch(), (int(end) * NS, ""), int(begin) * NS, 1000))
    errors = Counter(run.error_type for hit in hits for run in hit.rows)
    assert errors["RateLimitError"] >= 3


@pytest.mark.parametrize("title", examples())
def test_every_example_of_sql_runs(planted: Served, title: str) -> None:
    with reading(planted) as store:
        found = store.read(examples()[title], 100)
    assert found.columns
    assert rows_of(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DROP TABLE runs", "Only queries that read"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "only tables of this store"),
        ("SELECT nothing FROM runs", "nothing"),
        ("SELECT * FROM url('http://127.0.0.1:1/')", "read"),
        ("-- a comment\nINSERT INTO runs VALUES (1)", "Only queries that read"),
        ("SELECT 1; DROP TABLE runs", "one statement at a time"),
    ],
)
def test_sql_that_is_not_taken_says_why(clean: Served, text: str, said: str) -> None:
    with reading(clean) as store:
        with pytest.raises(StoreError, match=f"(?i){said}") as caught:
            store.read(text, 10)
        assert "DB::Exception" not in str(caught.value)
        assert store.read("SELECT 1 AS one", 10).rows == [(1,)]


def test_a_long_answer_is_cut_and_says_so(clean: Served) -> None:
    with reading(clean) as store:
        found = store.read("SELECT number FROM numbers(100) -- all;", 10)
    assert (len(found.rows), found.cut) == (10, True)


def test_headings_that_are_equal_keep_their_columns_apart() -> None:
    table = Table(("a", "a", "b"), [(1, 2, [3])], cut=False, seconds=0.1)
    assert rows_of(table) == [{"a": 1, "a (2)": 2, "b": "[3]"}]


def test_a_csv_holds_what_a_table_shows_and_no_formula() -> None:
    rows = [{"name": '=HYPERLINK("x")', "cost": -1.5, tables.RUNS: "/?x"}, {"name": "a, b", "cost": 2, tables.RUNS: ""}]
    assert tables.as_csv(rows) == 'name,cost\n"\'=HYPERLINK(""x"")",-1.5\n"a, b",2\n'


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"quantity": "luck"}, "measures one of"),
        ({"quantity": "cost", "by": "colour"}, "can be split by"),
        ({"quantity": "cost", "by": "model", "chart": "pie"}, "a chart is one of"),
        ({"quantity": "error rate", "by": "model", "chart": "area"}, "does not add up"),
    ],
)
def test_a_dashboard_that_is_none_says_why(panel: dict[str, str], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        dashboard_of({"title": "x", "panels": [panel]})
    with pytest.raises(DefinitionError, match="a title"):
        dashboard_of({"panels": []})


def test_a_dashboard_is_what_was_saved_of_it() -> None:
    body = {
        "title": "Mine",
        "panels": [
            {"quantity": name, "by": dimensions(name)[1], "chart": "line", "only": {"pipeline": "a"}, "title": ""}
            for name in QUANTITIES
        ],
    }
    assert dashboard_of(body).body() == body


def test_names_are_no_markdown() -> None:
    assert plain("a[b](c) :red[x] $y$") == r"a\[b\]\(c\) \:red\[x\] \$y\$"


def test_a_part_of_a_range_stays_within_it() -> None:
    asked = ChartRange(100 * NS, 200 * NS, "production", "api")
    assert links.during(asked, 50, 100) == ChartRange(100 * NS, 150 * NS, "production", "api")
