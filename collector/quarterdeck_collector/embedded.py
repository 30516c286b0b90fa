"""ClickHouse's HTTP interface over the engine in this process, read-only.

Made for unmodified ClickHouse clients: clickhouse-connect, Grafana, DBeaver, curl.
"""

import asyncio
import contextlib
import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from quarterdeck_collector.result_encoding import compress, compressed, decompress
from quarterdeck_collector.sql_guard import DENIED, Refused, check, check_setting
from quarterdeck_collector.store import EmbeddedStore, StoreError

READERS: Final = 4
"""Queries that run at once; more wait."""

_NOT_SETTINGS: Final = frozenset(
    {"query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "quota_key"}
    | {"user", "password", "compress", "decompress", "wait_end_of_query", "client_protocol_version", "role"}
    | {"send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression"}
    | {"buffer_size", "cancel_http_readonly_queries_on_client_close"}
)
_STATUS: Final = {
    **dict.fromkeys((60, 81, 115), 404),
    **dict.fromkeys((16, 36, 43, 46, 47, 53, 62), 400),
    **dict.fromkeys((164, DENIED), 403),
    159: 408,
}
_STREAMED: Final = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
_FORMAT: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[^;]*)?;?\s*\Z", re.IGNORECASE)
# Under readonly = 1 every setting looks unchangeable, and drivers then refuse to send any: this one question
# of clickhouse-connect is answered as an ordinary user would see it.
_SETTINGS_PROBE: Final = re.compile(
    rb"\s*SELECT\s+name,\s*value,\s*readonly\s+FROM\s+system\.settings(?:\s+LIMIT\s+\d+)?\s+FORMAT\s+Native\s*",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Limits:
    """Caps of one query; a client may lower them."""

    seconds: int
    memory_bytes: int
    rows: int = 10_000_000

    def settings(self, wanted: dict[str, str]) -> dict[str, str]:
        """Give the settings to apply: the client's, except where they would exceed a cap."""
        caps = {
            "max_execution_time": self.seconds,
            "max_memory_usage": self.memory_bytes,
            "max_result_rows": self.rows,
        }
        lowered = {
            name: wanted[name] if wanted.get(name, "").isdigit() and 0 < int(wanted[name]) < cap else str(cap)
            for name, cap in caps.items()
        }
        return {**wanted, **lowered, "result_overflow_mode": "throw"}


@dataclass(frozen=True)
class Question:
    """One query as a client sent it."""

    sql: bytes
    database: str
    output_format: str
    settings: dict[str, str]
    parameters: dict[str, str]
    compression: str

    @property
    def text(self) -> str:
        """The query for chDB."""
        return self.sql.decode()

    @property
    def streamed(self) -> bool:
        """Whether the result can be sent piece by piece: chDB streams no DESCRIBE, SHOW or EXPLAIN."""
        return self.output_format in _STREAMED and self.sql.lstrip()[:6].upper().startswith((b"SELECT", b"WITH"))


def create_sql_app(store: EmbeddedStore, limits: Limits) -> Starlette:
    """Make the application.

    Args:
        store: Open engine.
        limits: Caps of each query.
    """
    readers = CapacityLimiter(READERS)

    async def query(request: Request) -> Response:
        return await _answer(request, store, limits, readers)

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    return Starlette(routes=[Route("/ping", ping), Route("/", query, methods=["GET", "POST"])])


async def _answer(request: Request, store: EmbeddedStore, limits: Limits, readers: CapacityLimiter) -> Response:
    headers = {
        "X-ClickHouse-Query-Id": request.query_params.get("query_id") or str(uuid.uuid4()),
        "X-ClickHouse-Server-Display-Name": "quarterdeck",
        "X-ClickHouse-Timezone": "UTC",
    }
    try:
        question = await _read(request, store.database)
        if not question.sql.strip():
            return PlainTextResponse("Ok.\n", headers=headers)
        if not _SETTINGS_PROBE.fullmatch(question.sql):
            check(question.sql)
        for name, value in question.settings.items():
            check_setting(name, value)
        result = await to_thread.run_sync(_run, store, question, limits, limiter=readers)
    except Refused as error:
        return _failure(str(error), error.code, headers)
    except StoreError as error:
        return _failure(str(error), error.code or 1001, headers)
    headers["X-ClickHouse-Format"] = question.output_format
    return _success(result, question.compression, headers)


def _failure(text: str, code: int, headers: dict[str, str]) -> Response:
    headers["X-ClickHouse-Exception-Code"] = str(code)
    return PlainTextResponse(text.rstrip() + "\n", _STATUS.get(code, 500), headers)


async def _read(request: Request, database: str) -> Question:
    values = dict(request.query_params)
    body = b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form()
        values |= {name: value for name, value in form.items() if isinstance(value, str)}
    else:
        body = decompress(await request.body(), request.headers.get("content-encoding", ""))
    sql = b"\n".join(part for part in (values.get("query", "").encode(), body) if part)
    named = _FORMAT.search(sql[-300:])
    return Question(
        sql=sql,
        database=values.get("database") or database,
        output_format=named[1].decode() if named else values.get("default_format") or "TabSeparated",
        settings={
            name: value for name, value in values.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
        },
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        compression=_chosen_compression(values, request.headers.get("accept-encoding", "")),
    )


def _chosen_compression(values: dict[str, str], accepted: str) -> str:
    if values.get("enable_http_compression") not in ("1", "true"):
        return ""
    return next((name for name in ("zstd", "lz4", "gzip") if name in accepted), "")


class _Rows:
    """A result that is still being made; owns its chDB handle."""

    def __init__(self, resources: contextlib.ExitStack, stream: Any, first: bytes) -> None:
        self._resources = resources
        self._parts: Iterator[Any] = iter(stream)
        self._first = first
        self.tag = secrets.token_hex(8)
        """Tells an error that ends the result from data that look like one."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            yield self._first
            while (part := await asyncio.to_thread(next, self._parts, None)) is not None:
                yield part.bytes()
        except Exception as error:  # noqa: BLE001 - the headers are sent: report it in the body, as a server does
            text = str(error)[-16_000:]
            mark = f"\r\n__exception__\r\n{self.tag}\r\n{text}\n{len(text.encode())} {self.tag}\r\n__exception__\r\n"
            yield mark.encode()
        finally:
            self._resources.close()


def _run(store: EmbeddedStore, question: Question, limits: Limits) -> bytes | _Rows:
    """Run a query on a handle of its own that cannot write."""
    with contextlib.ExitStack() as resources:
        handle = resources.enter_context(store.handle())
        database = question.database.replace("`", "")
        handle.query(f"USE `{database}`")
        settings = limits.settings(question.settings)
        handle.query("SET " + ", ".join(f"{_name(name)} = {_quoted(value)}" for name, value in settings.items()))
        if not _SETTINGS_PROBE.fullmatch(question.sql):
            handle.query("SET readonly = 1")  # for good: this handle cannot undo it
        if not question.streamed:
            result = handle.query(question.text, question.output_format, params=question.parameters)
            return result.bytes() or b""
        stream = handle.send_query(question.text, question.output_format, params=question.parameters)
        resources.callback(stream.close)
        first = next(iter(stream), None)
        if first is None:
            return b""
        return _Rows(resources.pop_all(), stream, first.bytes())


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(f"unknown setting {name!r} (UNKNOWN_SETTING)", 115)
    return name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _success(result: bytes | _Rows, compression: str, headers: dict[str, str]) -> Response:
    headers["X-ClickHouse-Summary"] = json.dumps({})
    if compression and result:
        headers["Content-Encoding"] = compression
    if isinstance(result, _Rows):
        headers["X-ClickHouse-Exception-Tag"] = result.tag
        return StreamingResponse(
            compressed(result, compression), headers=headers, media_type="application/octet-stream"
        )
    if compression and result:
        result = compress(result, compression)
    return Response(result, headers=headers, media_type="text/plain")
