"""ClickHouse's HTTP interface over the engine in this process, read-only.

Made for unmodified ClickHouse clients: clickhouse-connect, Grafana, DBeaver, curl.
"""

import asyncio
import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from quarterdeck_collector.queries import Limits, Query, Question, Whole
from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.result_encoding import compress, compressed
from quarterdeck_collector.sql_guard import DENIED, Refused
from quarterdeck_collector.store import EmbeddedStore

T = TypeVar("T")

QUERY_BYTES: Final = 16 << 20
"""Largest text of a query."""

READERS: Final = 4
"""Queries that run at once; more wait."""

_NOT_SETTINGS: Final = frozenset(
    {"query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "quota_key"}
    | {"user", "password", "compress", "decompress", "wait_end_of_query", "client_protocol_version", "role"}
    | {"send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression"}
    | {"buffer_size", "cancel_http_readonly_queries_on_client_close", "readonly"}
)
_NO_BLOCKS: Final = (
    "compress=1, ClickHouse's own compression in blocks, is not spoken here: switch compression off in the client "
    "(JDBC: compress=false) or use that of HTTP, enable_http_compression=1 (NOT_IMPLEMENTED)"
)
_UNKNOWN: Final = 1001
"""ClickHouse's STD_EXCEPTION."""

_STATUS: Final = {
    **dict.fromkeys((60, 81, 115), 404),
    **dict.fromkeys((16, 36, 43, 46, 47, 53, 62, 73), 400),
    **dict.fromkeys((164, DENIED), 403),
    159: 408,
    48: 501,
}
_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_FORMAT_NAME: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_FORMAT: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[^;]*)?;?\s*\Z", re.IGNORECASE)


def create_sql_app(store: EmbeddedStore, limits: Limits) -> Starlette:
    """Make the application.

    Args:
        store: Open engine.
        limits: Caps of each query.
    """
    readers = CapacityLimiter(READERS)

    async def query(request: Request) -> Response:
        try:
            return await _answer(request, store, limits, readers)
        except ClientDisconnect:
            return Response(status_code=499)  # which nobody reads

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    return Starlette(routes=[Route("/ping", ping), Route("/", query, methods=["GET", "POST"])])


async def _answer(request: Request, store: EmbeddedStore, limits: Limits, readers: CapacityLimiter) -> Response:
    headers = {
        "X-ClickHouse-Query-Id": _UNPRINTABLE.sub("_", request.query_params.get("query_id", "")) or str(uuid.uuid4()),
        "X-ClickHouse-Server-Display-Name": "quarterdeck",
        "X-ClickHouse-Timezone": "UTC",
    }
    try:
        question, compression = await _read(request, store.database)
        if not question.sql.strip():
            return PlainTextResponse("Ok.\n", headers=headers)
        question.check()
    except Refused as error:
        return _failure(str(error), error.code, headers)
    headers["X-ClickHouse-Format"] = question.output_format
    query = Query(store, question, limits, readers)
    try:
        result = await _while_connected(request, query.result())
    except (Refused, StoreError) as error:
        query.end()
        return _failure(str(error), error.code or _UNKNOWN, headers)
    except BaseException:
        query.end()
        raise
    if isinstance(result, Whole):
        query.end()
        return _whole(result, compression, headers)
    return _Streamed(query, result, compression, headers)


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Wait for ``work``, and give it up if the client goes away.

    Raises:
        ClientDisconnect: If it went.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_leaves(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _failure(text: str, code: int, headers: dict[str, str]) -> Response:
    headers["X-ClickHouse-Exception-Code"] = str(code)
    return PlainTextResponse(text.rstrip() + "\n", _STATUS.get(code, 500), headers)


async def _read(request: Request, database: str) -> tuple[Question, str]:
    """Give the query and the compression that its client wants."""
    values = dict(request.query_params)
    body = b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form()
        values |= {name: value for name, value in form.items() if isinstance(value, str)}
    else:
        body = await _body(request)
    if values.get("compress") == "1" or values.get("decompress") == "1":
        raise Refused(_NO_BLOCKS, 48)
    sql = b"\n".join(part for part in (values.get("query", "").encode(), body) if part)
    question = Question(
        sql=sql,
        database=values.get("database") or request.headers.get("x-clickhouse-database") or database,
        output_format=_output_format(sql, values.get("default_format") or request.headers.get("x-clickhouse-format")),
        settings={
            name: value for name, value in values.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
        },
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
    )
    return question, _chosen_compression(values, request.headers.get("accept-encoding", ""))


def _output_format(sql: bytes, default: str | None) -> str:
    named = _FORMAT.search(sql[-300:])
    name = named[1].decode() if named else default or "TabSeparated"
    if not _FORMAT_NAME.fullmatch(name):
        raise Refused(f"unknown format {name!r} (UNKNOWN_FORMAT)", 73)
    return name


async def _body(request: Request) -> bytes:
    try:
        data = await bodies.read(request.stream(), QUERY_BYTES, lambda _: None)
        return await bodies.inflate(data, request.headers.get("content-encoding", ""), QUERY_BYTES)
    except bodies.BodyTooLargeError:
        raise Refused(f"the query is larger than {QUERY_BYTES} bytes (QUERY_IS_TOO_LARGE)", 223) from None
    except bodies.UnknownEncodingError as error:
        raise Refused(f"unknown Content-Encoding {error} of a query (UNKNOWN_COMPRESSION_METHOD)", 89) from error
    except bodies.BadEncodingError as error:
        raise Refused(f"cannot decompress the query: {error} (CANNOT_DECOMPRESS)", 271) from error


def _chosen_compression(values: dict[str, str], accepted: str) -> str:
    if values.get("enable_http_compression") not in ("1", "true"):
        return ""
    return next((name for name in ("zstd", "lz4", "gzip") if name in accepted), "")


def _whole(result: Whole, compression: str, headers: dict[str, str]) -> Response:
    numbers = ("read_rows", "read_bytes", "result_rows", "elapsed_ns")
    headers["X-ClickHouse-Summary"] = json.dumps({name: str(getattr(result, name)) for name in numbers})
    data = result.data
    if compression and data:
        headers["Content-Encoding"] = compression
        data = compress(data, compression)
    return Response(data, headers=headers, media_type="text/plain")


class _Streamed(StreamingResponse):
    """A result that is still being made."""

    def __init__(self, query: Query, parts: AsyncIterator[bytes], compression: str, headers: dict[str, str]) -> None:
        self._query = query
        tag = secrets.token_hex(8)  # tells an error that ends the result from data that look like one
        headers["X-ClickHouse-Exception-Tag"] = tag
        if compression:
            headers["Content-Encoding"] = compression
        body = compressed(_with_its_error(parts, tag), compression)
        super().__init__(body, headers=headers, media_type="application/octet-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; however that ends, the query ends too."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._query.end()


async def _with_its_error(parts: AsyncIterator[bytes], tag: str) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            yield part
    except Exception as error:  # noqa: BLE001 - the headers are sent: report it in the body, as a server does
        text = str(error)[-16_000:]
        mark = f"\r\n__exception__\r\n{tag}\r\n{text}\n{len(text.encode())} {tag}\r\n__exception__\r\n"
        yield mark.encode()
