"""The runs behind a point of a chart: ``/deck/behind.json``."""

import asyncio
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quarterdeck_ui.chart_reader import chart_range
from quarterdeck_ui.queries import BEHIND, Store, StoreError, runs_behind
from quarterdeck_ui.scope import number, scope_of

_BAD_GATEWAY, _BAD_REQUEST = 502, 400


def routes(store: Store) -> list[Route]:
    """One document: from and to in milliseconds since the epoch, what to order by, environment, service, latency."""

    async def behind(request: Request) -> Response:
        query = request.query_params
        by = query.get("by", "tokens")
        if by not in BEHIND:
            return JSONResponse({"error": f"by is one of {', '.join(BEHIND)}"}, _BAD_REQUEST)
        span = {"from": _number(query.get("from")), "to": _number(query.get("to"))}
        scope = scope_of({"range": span, "filter": dict(query)})
        took = _number(query.get("longer")), _number(query.get("shorter"))
        try:
            found = await asyncio.to_thread(runs_behind, store, chart_range(scope, time.time_ns()), by, took)
        except StoreError as error:
            return JSONResponse({"error": str(error)}, _BAD_GATEWAY)
        return JSONResponse({"runs": [asdict(run) for run in found]}, headers={"Cache-Control": "no-store"})

    return [Route("/deck/behind.json", behind)]


def _number(text: str | None) -> float:
    try:
        return number(float(text or 0)) or 0.0
    except ValueError:
        return 0.0
