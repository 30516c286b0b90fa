"""ClickHouse's HTTP interface over the embedded engine, from another process, with an unmodified client."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from quarterdeck_collector.sql_guard import Refused, check
from support.collectors import CollectorProcess


@pytest.fixture(scope="module")
def client(running: CollectorProcess) -> Iterator[Any]:
    parts = urlsplit(running.clickhouse)
    client = clickhouse_connect.get_client(host=parts.hostname, port=parts.port, database="quarterdeck")
    yield client
    client.close()


def test_queries_come_back_typed(client: Any) -> None:
    result = client.query("SELECT number AS n, toString(number) AS s, [1.5, NULL] AS a FROM numbers(3)")

    assert result.column_names == ("n", "s", "a")
    assert result.result_rows == [(0, "0", [1.5, None]), (1, "1", [1.5, None]), (2, "2", [1.5, None])]


def test_data_frames(client: Any) -> None:
    frame = client.query_df("SELECT number AS n FROM numbers(100000)")

    assert (list(frame.columns), len(frame), int(frame.n.sum())) == (["n"], 100_000, 4_999_950_000)


def test_parameters_are_bound_by_the_engine(client: Any) -> None:
    text = 'it\'s \\ "x"\n\t{y} é'
    result = client.query("SELECT {text:String}, {n:UInt8}", parameters={"text": text, "n": 7})

    assert result.result_rows == [(text, 7)]


def test_settings_and_the_default_database(client: Any) -> None:
    assert client.query(
        "SELECT currentDatabase(), getSetting('max_threads')", settings={"max_threads": 1}
    ).result_rows == [("quarterdeck", 1)]


def test_describe_show_and_explain(client: Any) -> None:
    assert ("RunId", "String") in {row[:2] for row in client.query("DESCRIBE TABLE otel_traces").result_rows}
    assert ("runs",) in client.query("SHOW TABLES").result_rows
    assert client.query("EXPLAIN SELECT 1").result_rows


def test_errors_carry_the_engine_s_code(client: Any) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as error:
        client.query("SELECT * FROM nowhere")
    assert error.value.code == 60


def test_an_error_in_the_middle_of_a_result_is_seen(client: Any) -> None:
    with pytest.raises(Exception, match="too many"):
        list(client.query("SELECT throwIf(number = 3000000, 'too many') FROM numbers(4000000)").result_rows)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO model_prices_src (Provider) VALUES ('x')",
        "DROP TABLE otel_traces",
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "SYSTEM STOP MERGES",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
    ],
)
def test_readers_cannot_write(running: CollectorProcess, sql: str) -> None:
    answer = httpx.post(running.clickhouse, content=sql)

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        "SELECT \"file\" ( '/etc/passwd')",
        "SELECT `fi\\x6ce`('/etc/passwd')",
        "SELECT file/**/('/etc/passwd')",
        "SELECT 1 AS `'`, file('/etc/passwd') AS `'`",
        "SELECT '\\'', file('/etc/passwd'), ''",
        "SELECT $a$'$a$, file('/etc/passwd'), '",
        "SELECT \u2018'\u2019, file('/etc/passwd'), \u2018'\u2019",
        "SELECT 1 -- '\n, file('/etc/passwd') -- '",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1; KILL QUERY WHERE 1",
        "select * from file('/etc/passwd')",
        "SELECT 1 AS a$$, file('/etc/passwd') AS b$$",
        "SELECT 1 AS a$x$ INTO OUTFILE '/tmp/x' -- $x$",
        "SELECT 1 // '\n, file('/etc/passwd') // '",
        "SELECT file\u200b('/etc/passwd')",
        "SELECT file\ufeff('/etc/passwd')",
        "DESCRIBE \u2060 url\u2060('http://127.0.0.1:1/x')",
    ],
)
def test_nothing_outside_the_store_is_reached(running: CollectorProcess, sql: str) -> None:
    with pytest.raises(Refused):
        check(sql.encode())
    answer = httpx.post(running.clickhouse, content=sql)
    assert answer.status_code >= 400
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format_template_resultset", "/etc/passwd"),
        ("format_schema", "/etc/passwd:Message"),
        ("output_format_schema", "/tmp/x"),  # noqa: S108 - nothing is written there
        ("additional_result_filter", "throwIf(1, file('/etc/passwd'))"),
        ("additional_table_filters", "{'runs': 'throwIf(1, file(\\'/etc/passwd\\'))'}"),
        ("filter", "length(file('/etc/passwd')) > 0"),
        ("dialect", "kusto"),
    ],
)
def test_a_setting_cannot_name_files_or_carry_code(running: CollectorProcess, name: str, value: str) -> None:
    answer = httpx.post(running.clickhouse, params={name: value}, content="SELECT 1 FORMAT Template")

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497")
    assert "root:" not in answer.text


def test_a_query_that_is_no_text_is_refused(running: CollectorProcess) -> None:
    answer = httpx.post(running.clickhouse, content=b"SELECT '\xff'")

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


@pytest.mark.parametrize(
    "source", ["url('http://127.0.0.1:1/x')", "s3('http://127.0.0.1:1/bucket/x', 'CSV')", "remote('127.0.0.1', 'a.b')"]
)
def test_table_functions_that_leave_the_store_are_refused(running: CollectorProcess, source: str) -> None:
    read = httpx.post(running.clickhouse, content=f"SELECT * FROM {source}")  # noqa: S608 - the point of the test
    described = httpx.post(running.clickhouse, content=f"DESCRIBE TABLE {source}")

    assert [answer.headers["X-ClickHouse-Exception-Code"] for answer in (read, described)] == ["164", "497"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'file(x) OUTFILE; DROP'",
        "SELECT 1 AS `a;b`",
        "WITH 1 AS x SELECT x;",
        "-- hi\n(SELECT 1)",
        "SELECT 'it\u2019s $5 // $5'",
        "SELECT 1 AS `é`, 4 / 2 /* \u200b */",
    ],
)
def test_harmless_text_passes(running: CollectorProcess, sql: str) -> None:
    assert running.sql(sql)


def test_a_query_cannot_raise_its_caps(running: CollectorProcess) -> None:
    caps = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage')"
    wanted = {"max_execution_time": "100000", "max_memory_usage": "1000000"}
    answer = httpx.post(running.clickhouse, params=wanted, content=caps)

    assert answer.text == "60\t1000000\n"


def test_ping_and_compression(running: CollectorProcess) -> None:
    assert httpx.get(f"{running.clickhouse}/ping").text == "Ok.\n"
    params = {"query": "SELECT repeat('x', 10000)", "enable_http_compression": "1"}
    answer = httpx.get(running.clickhouse, params=params, headers={"accept-encoding": "gzip"})
    assert (answer.headers["content-encoding"], len(answer.text)) == ("gzip", 10_001)
