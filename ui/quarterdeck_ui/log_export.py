"""Log records of a filter as a file: ``/deck/logs.jsonl`` and ``/deck/logs.txt``."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from quarterdeck_ui.log_feed import log_filter, plain
from quarterdeck_ui.queries import LEVELS, LogFilter, LogLine, Store, StoreError, log_lines

MOST: Final = 100_000
"""Newest records that one file holds."""

_PAGE: Final = 5000
_BAD_GATEWAY: Final = 502


def routes(store: Store) -> list[Route]:
    """The two downloads; their queries are those of the viewer: levels, pipeline, run, step, text, pattern."""
    return [
        Route("/deck/logs.jsonl", _download(store, "jsonl", "application/x-ndjson", _json_line)),
        Route("/deck/logs.txt", _download(store, "txt", "text/plain; charset=utf-8", _text_line)),
    ]


def _download(store: Store, ending: str, media: str, line: Callable[[LogLine], str]) -> Callable[[Request], object]:
    async def download(request: Request) -> Response:
        query = request.query_params
        wanted = log_filter({**query, "levels": query.getlist("level")})
        try:
            first = await asyncio.to_thread(log_lines, store, wanted, _PAGE)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", _BAD_GATEWAY)
        name = f"quarterdeck-logs-{datetime.now(UTC):%Y%m%d-%H%M%S}.{ending}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_lines(store, wanted, first, line), media_type=media, headers=headers)

    return download


async def _lines(
    store: Store, wanted: LogFilter, page: list[LogLine], line: Callable[[LogLine], str]
) -> AsyncIterator[str]:
    """Newest first: a file that breaks off then lacks what is oldest."""
    left = MOST
    while page and left > 0:
        page = page[-left:]
        left -= len(page)
        yield "".join(line(each) for each in reversed(page))
        page = await asyncio.to_thread(log_lines, store, wanted, _PAGE, before=page[0].key)


def _json_line(line: LogLine) -> str:
    found = plain([line])[0]
    del found["key"], found["ms"]
    return json.dumps({"time": _time(line), **found}, ensure_ascii=False) + "\n"


def _text_line(line: LogLine) -> str:
    level = LEVELS[min((line.severity - 1) // 4, len(LEVELS) - 1)].upper()
    place = "/".join(filter(None, (line.pipeline or line.service, line.step)))
    return f"{_time(line)} {level:5} {place}: {line.body}\n"


def _time(line: LogLine) -> str:
    moment = datetime.fromtimestamp(line.time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{line.time_ns % 10**9:09}Z"
