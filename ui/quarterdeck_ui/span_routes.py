"""JSON of a span, ``/deck/span``, and of the run before, ``/deck/earlier``; a run as OTLP, ``/deck/run.otlp``."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from quarterdeck_ui import span_view
from quarterdeck_ui.queries import Store, StoreError, call_of_step, earlier_run, span_payload

_Answer = Callable[[Request], Awaitable[Response]]

_NOT_FOUND: Final = 404
_BAD_REQUEST: Final = 400
_BAD_GATEWAY: Final = 502
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_ANSWER_S: Final = 60.0
_DIGITS: Final = 6
"""Longest number of a call."""
_TIME_DIGITS: Final = 15
"""Longest time, milliseconds since 1970."""


def routes(store: Store, collector: str, token: str) -> list[Route]:
    """The three routes.

    Args:
        store: Where spans are read from.
        collector: Its address; it alone writes OTLP.
        token: What it lets its operations be used with; empty where it asks for none.
    """
    return [
        Route("/deck/span", _span(store)),
        Route("/deck/earlier", _earlier(store)),
        Route("/deck/run.otlp", _otlp(collector, token)),
    ]


def _span(store: Store) -> _Answer:
    async def span(request: Request) -> Response:
        query = request.query_params
        run, span_id = query.get("run", ""), query.get("span", "")
        nth = query.get("nth", "0")
        if not run or not nth.isdecimal() or len(nth) > _DIGITS:
            return PlainTextResponse("name a run, and a span or a step with the number of its call\n", _BAD_REQUEST)
        try:
            if not span_id:
                span_id = await asyncio.to_thread(call_of_step, store, run, query.get("step", ""), int(nth))
            payload = await asyncio.to_thread(span_payload, store, run, span_id) if span_id else None
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", _BAD_GATEWAY)
        if payload is None:
            return PlainTextResponse("That run has no such call.\n", _NOT_FOUND)
        return JSONResponse(asdict(span_view.from_payload(span_id, payload)))

    return span


def _earlier(store: Store) -> _Answer:
    async def earlier(request: Request) -> Response:
        query = request.query_params
        run, pipeline, before = (query.get(name, "") for name in ("run", "pipeline", "before"))
        if not run or not pipeline or not before.isdecimal() or len(before) > _TIME_DIGITS:
            told = "name a run, its pipeline and when it began, in milliseconds since 1970\n"
            return PlainTextResponse(told, _BAD_REQUEST)
        try:
            found = await asyncio.to_thread(earlier_run, store, pipeline, run, int(before) * 10**6)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", _BAD_GATEWAY)
        return JSONResponse({"id": found[0], "started": found[1]} if found else None)

    return earlier


def _otlp(collector: str, token: str) -> _Answer:
    async def otlp(request: Request) -> Response:
        run = request.query_params.get("run", "")
        if not run:
            return PlainTextResponse("name a run\n", _BAD_REQUEST)
        held = contextlib.AsyncExitStack()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            http = await held.enter_async_context(httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False))
            wanted = {"signal": "traces", "runs": [run]}
            call = http.stream("POST", f"{collector}/v1/admin/export", json=wanted, headers=headers)
            answer = await held.enter_async_context(call)
            problem = "" if answer.is_success else (await answer.aread()).decode("utf-8", "replace")
        except httpx.HTTPError as error:
            problem = f"the collector at {collector} does not answer: {error}"
        if problem:
            await held.aclose()
            return PlainTextResponse(f"{problem}\n", _BAD_GATEWAY)
        name = f"quarterdeck-run-{_UNSAFE.sub('-', run)[:80]}.traces.otlp"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_all(answer, held), media_type="application/octet-stream", headers=headers)

    return otlp


async def _all(answer: httpx.Response, held: contextlib.AsyncExitStack) -> AsyncIterator[bytes]:
    async with held:
        async for piece in answer.aiter_bytes():
            yield piece
