"""One small interface over both homes of the data: chDB in this process, or a ClickHouse server.

The only module that imports ``clickhouse_connect``.
"""

import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from quarterdeck_collector.refusals import StoreError, refusal
from quarterdeck_collector.room import RESERVE, Room

SCHEMA_FILE: Final = Path(__file__).parent / "schema" / "otlp.proto"
"""Our trimmed OTLP schema, read by ClickHouse."""

LAPTOP_PROFILE: Final = (
    "max_server_memory_usage=1500000000&mark_cache_size=134217728&primary_index_cache_size=134217728"
    "&index_mark_cache_size=134217728&background_pool_size=1&background_merges_mutations_concurrency_ratio=2"
)
"""Server settings of the embedded engine: small caches, few background threads."""

_INSERT_SETTINGS: Final = {
    "input_format_protobuf_oneof_presence": "1",
    # a batch may hold spans of any number of days; refusing it would lose the good ones
    "throw_on_max_partitions_per_insert_block": "0",
    "output_format_json_escape_forward_slashes": "0",
    # the plan of an insert with all its views is made anew each time: merging its steps costs a quarter of that and
    # makes nothing faster
    "query_plan_merge_expressions": "0",
    # nor does looking for comparisons that follow from others, in every condition of every view
    "optimize_and_compare_chain": "0",
    # a retry must be recognised in every table; before version 26.2 the default was 0
    "deduplicate_blocks_in_dependent_materialized_views": "1",
}
LOCAL: Final = "_local"
"""Suffix, on a cluster, of the tables that hold the rows of one node."""

_PLACE: Final = re.compile(r"\{(\w+):")
READ_BYTES: Final = 1_000_000_000
READ_ROWS: Final = 100_000
"""Caps of :meth:`Store.ask`."""

_ANSWER_SECONDS: Final = 60
_LAST_STATEMENTS: Final = 20
"""Seconds that statements under way get when the store is closed."""


class Store(Protocol):
    """What the collector asks of ClickHouse; every method blocks and may be called from any thread."""

    database: str
    dict_auth: str
    cluster: str

    @property
    def problem(self) -> str:
        """Why nothing can be written now; empty if that is not known before it is tried."""
        return ""

    @property
    def on_cluster(self) -> str:
        """Clause that has a statement run on every node of the cluster; empty for a single node."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def local(self, table: str) -> str:
        """Give the table that holds the rows of ``table`` on the node that is spoken to."""
        return f"{table}{LOCAL}" if self.cluster else table

    def plain(self, table: str) -> str:
        """Undo :meth:`local`."""
        return table.removesuffix(LOCAL) if self.cluster else table

    def command(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        ...

    def rows(self, sql: str) -> list[list[str]]:
        """Run a query and give its values as text."""
        ...

    def json_rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query and give one object per row."""
        ...

    def ask(self, sql: str, parameters: Mapping[str, Any], seconds: int) -> list[dict[str, Any]]:
        """Run a query that can only read, in at most so many seconds, and give one object per row.

        Args:
            sql: Query with ``{name:Type}`` places.
            parameters: Their values; those that it has no place for are left out.
            seconds: Longest that it may take.

        Raises:
            StoreError: What ClickHouse says.
        """
        ...

    def insert_rows(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert objects whose keys are columns of ``table``."""
        ...

    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        """Insert a file of length-delimited OTLP requests of type ``message``, once per ``token``."""
        ...

    def make_durable(self) -> None:
        """Return when all inserted data would survive a power cut."""
        ...

    def close(self) -> None:
        """Let go of the engine or the connection."""
        ...


def literal(value: str) -> str:
    """Write a text as SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _written(value: Any) -> str:
    """Write a parameter as ClickHouse reads it: tab-separated, and arrays as it writes them itself."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(literal(str(each)) for each in value) + "]"
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _places(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    wanted = set(_PLACE.findall(sql))
    return {name: value for name, value in parameters.items() if name in wanted}


def _caps(seconds: int) -> dict[str, int]:
    return {"max_execution_time": seconds, "max_memory_usage": READ_BYTES, "max_result_rows": READ_ROWS}


def _setting_list(settings: dict[str, str]) -> str:
    return ", ".join(f"{name} = {literal(value)}" for name, value in settings.items())


@contextlib.contextmanager
def _without_pyarrow() -> Iterator[None]:
    """Keep chDB from loading, with its first connection, 45 MB that only its own Arrow tables need."""
    if "pyarrow" in sys.modules:
        yield
        return
    sys.modules["pyarrow"] = None  # type: ignore[assignment]  # how Python spells a package that is not there
    try:
        yield
    finally:
        del sys.modules["pyarrow"]


class EmbeddedStore(Store):
    """chDB inside this process. One engine path per process; open it once.

    Args:
        path: Folder of the engine's files.
        database: Database to work in.
        reserve: Bytes of its disk that it leaves free.

    Raises:
        StoreError: If the engine cannot be opened.
    """

    dict_auth = ""
    cluster = ""

    def __init__(self, path: Path, database: str, reserve: int = RESERVE) -> None:
        import chdb

        self.database = database
        self._path = str(path.absolute())
        self.room = Room(path.absolute(), reserve)
        engine: Any = chdb  # untyped
        self._connect = engine.connect
        self._lent = 0
        self._changed = threading.Condition()
        try:
            with _without_pyarrow():
                # The engine stops with its last handle: this one keeps it running.
                self._anchor: Any = self._connect(f"{self._path}?{LAPTOP_PROFILE}")
        except Exception as error:
            raise refusal(error) from error

    @contextlib.contextmanager
    def handle(self) -> Iterator[Any]:
        """Lend a chDB connection of its own, so that statements run in parallel.

        Raises:
            StoreError: If a statement inside the block fails, or the store is closed.
        """
        connection = self._open()
        try:
            yield connection
        except StoreError:
            raise
        except Exception as error:
            raise refusal(error) from error
        finally:
            connection.close()
            with self._changed:
                self._lent -= 1
                self._changed.notify_all()

    def _open(self) -> Any:
        with self._changed:
            if self._anchor is None:
                raise StoreError("the store is closed", 0)
            connection = self._connect(self._path)
            self._lent += 1
            return connection

    def _query(self, sql: str, output_format: str = "TabSeparated") -> str:
        with self.handle() as connection:
            return (connection.query(sql, output_format).bytes() or b"").decode()

    @override
    def command(self, sql: str) -> None:
        self._query(sql)

    @override
    def rows(self, sql: str) -> list[list[str]]:
        return [line.split("\t") for line in self._query(sql).splitlines()]

    @override
    def json_rows(self, sql: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._query(sql, "JSONEachRow").split("\n") if line]

    @override
    def ask(self, sql: str, parameters: Mapping[str, Any], seconds: int) -> list[dict[str, Any]]:
        with self.handle() as connection:
            connection.query(f"USE {self.database}")
            for name, value in _caps(seconds).items():
                connection.query(f"SET {name} = {value}")
            connection.query("SET readonly = 1")  # for good: this handle cannot undo it
            params = {name: _written(value) for name, value in _places(sql, parameters).items()}
            answer = connection.query(sql, "JSONEachRow", params=params).bytes() or b""
        return [json.loads(line) for line in answer.decode().split("\n") if line]

    @property
    @override
    def problem(self) -> str:
        return self.room.problem

    @override
    def insert_rows(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        data = "\n".join(map(json.dumps, rows))
        with self.room.writing(len(data)):
            self.command(f"INSERT INTO {self.database}.{table} FORMAT JSONEachRow\n{data}")

    @override
    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        settings = {
            **_INSERT_SETTINGS,
            "insert_deduplication_token": token,
            "format_schema": f"{SCHEMA_FILE.absolute()}:{message}",
        }
        # Never Connection.send_insert(): it reports success when a view behind the table throws.
        with self.room.writing(segment.stat().st_size):
            self.command(
                f"INSERT INTO {self.database}.{table} FROM INFILE {literal(str(segment.absolute()))} "
                f"COMPRESSION 'none' SETTINGS {_setting_list(settings)} FORMAT Protobuf"
            )

    @override
    def make_durable(self) -> None:
        os.sync()

    @override
    def close(self) -> None:
        with self._changed:
            anchor, self._anchor = self._anchor, None
            # The engine crashes or hangs when it stops under a statement; what takes too long ends with the process.
            idle = self._changed.wait_for(lambda: not self._lent, _LAST_STATEMENTS)
        if anchor is not None and idle:
            anchor.close()


class ServerStore(Store):
    """A ClickHouse server, spoken to over HTTP.

    Args:
        url: ``http(s)://user:password@host:port``.
        database: Database to work in.
        cluster: Name, in the server's configuration, of the cluster it is a node of; none if empty.
    """

    def __init__(self, url: str, database: str, cluster: str = "") -> None:
        self.database = database
        self.cluster = cluster
        self._url = url
        self._client: Any = None
        self._lock = threading.Lock()
        parts = urlsplit(url)
        self.dict_auth = (
            f"USER {literal(unquote(parts.username or 'default'))} PASSWORD {literal(unquote(parts.password))}"
            if parts.password
            else ""
        )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        from clickhouse_connect.driver.exceptions import Error

        try:
            yield self._open()
        except (Error, OSError) as error:
            raise refusal(error) from error

    def _open(self) -> Any:
        import clickhouse_connect
        from clickhouse_connect.common import set_setting

        with self._lock:
            if self._client is None:
                set_setting("max_error_size", 0)  # the end of a message says how far the insert had come
                self._client = clickhouse_connect.get_client(
                    dsn=self._url,
                    autogenerate_session_id=False,
                    connect_timeout=3,
                    send_receive_timeout=_ANSWER_SECONDS,
                    query_retries=0,
                    settings={"distributed_ddl_task_timeout": _ANSWER_SECONDS // 2} if self.cluster else None,
                )
            return self._client

    @override
    def command(self, sql: str) -> None:
        with self._connected() as client:
            client.command(sql)

    @override
    def rows(self, sql: str) -> list[list[str]]:
        with self._connected() as client:
            text = client.raw_query(sql, fmt="TabSeparated").decode()
        return [line.split("\t") for line in text.splitlines()]

    @override
    def json_rows(self, sql: str) -> list[dict[str, Any]]:
        with self._connected() as client:
            text = client.raw_query(sql, fmt="JSONEachRow").decode()
        return [json.loads(line) for line in text.split("\n") if line]

    @override
    def ask(self, sql: str, parameters: Mapping[str, Any], seconds: int) -> list[dict[str, Any]]:
        with self._connected() as client:
            text = client.raw_query(
                sql,
                parameters=_places(sql, parameters),
                settings={**_caps(seconds), "readonly": 1},
                fmt="JSONEachRow",
                transport_settings={"X-ClickHouse-Database": self.database},
            ).decode()
        return [json.loads(line) for line in text.split("\n") if line]

    @override
    def insert_rows(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        data = "\n".join(map(json.dumps, rows)).encode()
        with self._connected() as client:
            client.raw_insert(f"{self.database}.{table}", insert_block=data, fmt="JSONEachRow")

    @override
    def insert_otlp(self, table: str, segment: Path, message: str, token: str) -> None:
        settings = {
            **_INSERT_SETTINGS,
            "insert_deduplication_token": token,
            "format_schema_source": "string",
            "format_schema": SCHEMA_FILE.read_text().replace("\n", " "),
            "format_schema_message_name": message,
        }
        with self._connected() as client:
            client.raw_insert(
                f"{self.database}.{table}", insert_block=segment.read_bytes(), fmt="Protobuf", settings=settings
            )

    @override
    def make_durable(self) -> None:
        """A server answers for its own disks."""

    @override
    def close(self) -> None:
        # Not under the lock: a thread may hold it for as long as a server that hangs takes to answer.
        client, self._client = self._client, None
        if client is not None:
            client.close()
