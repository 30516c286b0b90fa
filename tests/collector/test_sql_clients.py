"""What analysts do with the ClickHouse interface: frames, streams, parameters, limits, and leaving in the middle."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import DatabaseError

from quarterdeck_collector.store import EmbeddedStore
from support.collectors import CollectorProcess, collector, wait_for

ROWS = 300_000
ENDLESS = "SELECT count() FROM system.numbers_mt WHERE NOT ignore(sipHash64(number))"
ENDLESS_AFTER_THE_FIRST_ROWS = (
    "SELECT number FROM system.numbers WHERE number < 10 OR (NOT ignore(sipHash64(number)) AND number % 1000000000 = 0)"
)


@pytest.fixture(scope="module")
def client(running: CollectorProcess) -> Iterator[Any]:
    parts = urlsplit(running.clickhouse)
    common.set_setting("invalid_setting_action", "send")  # whatever a dashboard in this process has set
    client = clickhouse_connect.get_client(host=parts.hostname, port=parts.port, database="quarterdeck")
    yield client
    client.close()


def test_arrow(client: Any) -> None:
    sql = "SELECT 1 AS n, 'é' AS s, [1, 2] AS a, toDateTime64('2026-01-02 03:04:05.123456', 6, 'UTC') AS t"

    row = {"n": 1, "s": "é", "a": [1, 2], "t": datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)}
    assert client.query_arrow(sql).to_pylist() == [row]


def test_pandas_and_numpy(client: Any) -> None:
    sql = f"SELECT number AS n, n / 2 AS half, toString(n) AS s FROM numbers({ROWS})"  # noqa: S608 - a number

    frame, arrow_frame, array = client.query_df(sql), client.query_df_arrow(sql), client.query_np(sql)
    assert list(frame.columns) == ["n", "half", "s"]
    assert frame.iloc[-1].tolist() == [ROWS - 1, (ROWS - 1) / 2, str(ROWS - 1)]
    assert (len(arrow_frame), int(arrow_frame.n.sum())) == (ROWS, ROWS * (ROWS - 1) // 2)
    assert array.shape == (ROWS,)


@pytest.mark.parametrize("kind", ["row_block", "df", "np", "arrow"])
def test_streams(client: Any, kind: str) -> None:
    sql = f"SELECT number FROM numbers({ROWS})"  # noqa: S608 - a number
    with getattr(client, f"query_{kind}_stream")(sql) as stream:
        assert sum(map(len, stream)) == ROWS


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", 'it\'s \\ "x"\n\t{y} é'),
        ("Int32", -5),
        ("Float64", 1.5),
        ("Bool", True),
        ("Date", date(2026, 1, 2)),
        ("DateTime64(3)", datetime(2026, 1, 2, 3, 4, 5, 678000)),  # noqa: DTZ001 - the client gives naive UTC back
        ("UUID", UUID(int=5)),
        ("Decimal(9, 2)", Decimal("1.25")),
        ("Nullable(String)", None),
        ("Array(String)", ["a", "it's"]),
        ("Array(UInt8)", [1, 2]),
        ("Tuple(UInt8, String)", (1, "x")),
    ],
)
def test_parameters_of_many_types(client: Any, kind: str, value: Any) -> None:
    assert client.query(f"SELECT {{value:{kind}}}", parameters={"value": value}).result_rows == [(value,)]


def test_what_a_query_read_is_told(running: CollectorProcess) -> None:
    sql = "SELECT number FROM numbers(1000) WHERE number % 100 = 0 FORMAT JSON"
    summary = httpx.post(running.clickhouse, content=sql).headers["X-ClickHouse-Summary"]

    assert summary.startswith('{"read_rows": "1000", "read_bytes": "8000", "result_rows": "10", "elapsed_ns": "')


@pytest.mark.parametrize(
    ("sql", "settings", "code"),
    [
        (ENDLESS, {"max_execution_time": 0.3}, 159),
        (ENDLESS_AFTER_THE_FIRST_ROWS, {"max_execution_time": 0.3}, 159),
        ("SELECT groupArray(number) FROM numbers(50000000)", {"max_memory_usage": 50_000_000}, 241),
        ("SELECT 1", {"no_such_setting": 1}, 115),
    ],
)
def test_limits_end_a_query_with_their_code(client: Any, sql: str, settings: dict[str, float], code: int) -> None:
    with pytest.raises(DatabaseError) as error:
        assert client.query(sql, settings=settings).result_rows  # a long result is read as it comes
    assert error.value.code == code


def test_a_time_limit_has_a_status_of_its_own(running: CollectorProcess) -> None:
    answer = httpx.post(running.clickhouse, params={"max_execution_time": "0.3"}, content=ENDLESS)

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (408, "159")


def at_work(running: CollectorProcess) -> list[str]:
    """Queries of others that run now."""
    found = running.sql("SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%'")
    return [line for line in found.splitlines() if "system.numbers" in line]


@pytest.mark.parametrize(
    "sql", [ENDLESS, ENDLESS_AFTER_THE_FIRST_ROWS, "SELECT number FROM system.numbers"], ids=["whole", "begun", "flood"]
)
def test_a_query_ends_when_its_client_leaves(running: CollectorProcess, sql: str) -> None:
    parts = urlsplit(running.clickhouse)
    with socket.create_connection((parts.hostname, parts.port)) as client:
        client.sendall(f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sql)}\r\n\r\n{sql}".encode())
        wait_for(lambda: at_work(running) == [sql])
    wait_for(lambda: at_work(running) == [])
    assert httpx.get(f"{running.clickhouse}/ping").text == "Ok.\n"
    assert "Traceback" not in running.log.read_text()


@pytest.mark.parametrize("sql", [ENDLESS, ENDLESS_AFTER_THE_FIRST_ROWS], ids=["whole", "begun"])
def test_a_stop_does_not_wait_for_queries(tmp_path: Path, sql: str) -> None:
    with collector(tmp_path / "data") as running:
        with httpx.Client() as client, ThreadPoolExecutor() as pool:
            asking = pool.submit(client.post, running.clickhouse, content=sql, timeout=120)
            wait_for(lambda: at_work(running) == [sql])
            assert running.stop() == 0  # sooner than the query's own limit
            asking.exception()
        assert "Traceback" not in running.log.read_text()


def test_a_database_tool_that_asks_in_its_own_way(running: CollectorProcess) -> None:
    url = running.clickhouse
    by_default = httpx.post(url, params={"default_format": "JSON", "readonly": "1"}, content="SELECT 1 AS a")
    by_name = httpx.get(url, params={"query": "SELECT 1 AS a FORMAT JSON", "database": "quarterdeck"})
    names = {"X-ClickHouse-Format": "JSON", "X-ClickHouse-Database": "system"}
    by_header = httpx.post(url, headers=names, content="SELECT currentDatabase() AS a")
    by_form = httpx.post(url, files={"query": (None, "SELECT {a:UInt8} AS a FORMAT JSON"), "param_a": (None, "1")})

    assert [answer.json()["data"] for answer in (by_default, by_name, by_form)] == [[{"a": 1}]] * 3
    assert by_default.headers["X-ClickHouse-Format"] == "JSON"
    assert by_header.json()["data"] == [{"a": "system"}]


@pytest.mark.parametrize(("params", "code"), [({"query_id": "a\r\nb: é"}, None), ({"default_format": "J\nS"}, "73")])
def test_what_comes_back_in_headers_cannot_break_them(
    running: CollectorProcess, params: dict[str, str], code: str | None
) -> None:
    answer = httpx.post(running.clickhouse, params=params, content="SELECT 1")

    assert answer.headers.get("X-ClickHouse-Exception-Code") == code
    assert answer.headers["X-ClickHouse-Query-Id"].isprintable()


def test_block_compression_is_refused_with_what_to_do(running: CollectorProcess) -> None:
    answer = httpx.get(running.clickhouse, params={"query": "SELECT 1", "compress": "1"})

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (501, "48")
    assert "(JDBC: compress=false)" in answer.text


def test_a_query_cannot_be_a_bomb(running: CollectorProcess) -> None:
    import gzip

    bomb = gzip.compress(b" " * (17 << 20))
    answers = [
        httpx.post(running.clickhouse, content=bomb, headers={"content-encoding": "gzip"}),
        httpx.post(running.clickhouse, content=b" " * (17 << 20)),
    ]
    assert [answer.headers["X-ClickHouse-Exception-Code"] for answer in answers] == ["223", "223"]


def test_the_engine_keeps_no_logs_of_its_own(engine: EmbeddedStore) -> None:
    engine.command("SELECT 1")
    engine.command("SYSTEM FLUSH LOGS")

    kept = "SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'"
    assert engine.rows(kept) == []
