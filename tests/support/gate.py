"""A ClickHouse server for tests: the HTTP interface over chDB, writable, with a door that can be shut."""

import asyncio
import contextlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from quarterdeck_collector.embedded import create_sql_app
from quarterdeck_collector.queries import Limits
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import EmbeddedStore
from support.servers import serve

_WRITE = re.compile(r"\s*(--[^\n]*\s*)*(INSERT|CREATE|ALTER|SYSTEM|DROP|DELETE|TRUNCATE)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Whim:
    """What happens to one insert.

    Args:
        wait: Seconds before it is executed, whether or not the client still waits for the answer.
        cut: Whether the connection is cut, and when: before anything is executed or instead of the answer.
    """

    wait: float = 0
    cut: Literal["", "upload", "answer"] = ""


@dataclass
class Gate:
    """Its address, whether anybody gets through, and what the next inserts meet."""

    url: str = ""
    is_open: bool = False
    whims: list[Whim] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """Deduplication tokens of the inserts, in the order in which they came."""

    def open(self) -> None:
        """Let requests through."""
        self.is_open = True

    def shut(self) -> None:
        """Answer everything as a proxy without a server does."""
        self.is_open = False


class Cut(Response):
    """An answer of which only the head is sent: the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})


def _statement_and_data(text: bytes) -> tuple[str, bytes]:
    found = re.match(rb"\s*INSERT\s.*?\bFORMAT\s+\w+[ \t]*\n", text, re.DOTALL | re.IGNORECASE)
    end = found.end() if found else len(text)
    return text[:end].decode().strip(), text[end:]


def _write(store: EmbeddedStore, sql: str, data: bytes, settings: dict[str, str]) -> None:
    with store.handle() as handle, NamedTemporaryFile() as file:
        if settings:
            pairs = ((name, value.replace("'", "''")) for name, value in settings.items())
            assignments = ", ".join(f"{name} = '{value}'" for name, value in pairs)
            handle.query(f"SET {assignments}")
        if data:
            Path(file.name).write_bytes(data)
            head, _, output_format = sql.rpartition("FORMAT")
            sql = f"{head} FROM INFILE '{file.name}' COMPRESSION 'none' FORMAT {output_format}"
        handle.query(sql)


@contextlib.contextmanager
def serve_gate(store: EmbeddedStore) -> Iterator[Gate]:
    """Serve ``store`` on a free port; the gate is shut at first."""
    gate = Gate()
    reader = EmbeddedStore(Path(store._path), "default")
    reading = create_sql_app(reader, Limits(seconds=60, memory_bytes=10**9))

    async def answer(request: Request) -> Response:
        whim = Whim()
        if token := request.query_params.get("insert_deduplication_token"):
            gate.tokens.append(token)
            whim = gate.whims.pop(0) if gate.whims else whim
        if whim.cut == "upload":
            return Cut()
        query, body = request.query_params.get("query", ""), await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, 31)
        sql, data = _statement_and_data(f"{query}\n".encode() + body if query else body)
        settings = {
            k: v for k, v in request.query_params.items() if re.match("insert_|format_|input_|output_|throw_", k)
        }
        await asyncio.sleep(whim.wait)
        try:
            await run_in_threadpool(_write, store, sql, data, settings)
        except StoreError as error:
            return PlainTextResponse(str(error), 500, {"X-ClickHouse-Exception-Code": str(error.code)})
        return Cut() if whim.cut else PlainTextResponse("")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        target: ASGIApp = PlainTextResponse("no server", 503)
        if gate.is_open:
            original = receive
            request = Request(scope, original)
            body = await request.body()

            messages = [{"type": "http.request", "body": body, "more_body": False}]

            async def replay() -> Any:
                return messages.pop() if messages else await original()

            sql = request.query_params.get("query") or body.decode(errors="replace")
            target = writing if _WRITE.match(sql) else reading
            receive = replay
        await target(scope, receive, send)

    writing = Starlette(routes=[Route("/", answer, methods=["POST"])])
    with serve(app) as gate.url:
        yield gate
    reader.close()
