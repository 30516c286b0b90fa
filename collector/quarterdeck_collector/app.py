"""The collector's OTLP port: ingest, live events, health."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from quarterdeck.tokens import Tokens
from quarterdeck_collector.alerts.routes import router as alerts
from quarterdeck_collector.care.routes import router as admin
from quarterdeck_collector.collector import Collector
from quarterdeck_collector.counters import Gauges
from quarterdeck_collector.listen import route
from quarterdeck_collector.receive import http
from quarterdeck_collector.saved_routes import router as saved
from quarterdeck_collector.settings import Settings


def create_app(settings: Settings, url: str, tokens: Tokens) -> FastAPI:
    """Make the application; its lifespan runs the collector.

    Args:
        settings: What to run with.
        url: Base URL on which it will be served.
        tokens: Who may come in.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        collector = Collector(settings, url, tokens)
        async with collector.running():
            app.state.collector = collector
            yield

    app = FastAPI(title="Quarterdeck collector", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(http.router)
    app.include_router(route.router)
    app.include_router(admin)
    app.include_router(saved)
    app.include_router(alerts)
    app.add_exception_handler(404, http.no_route)
    app.add_exception_handler(405, http.no_route)
    app.add_exception_handler(Exception, http.failed)
    app.add_api_route("/healthz", _health)
    app.add_api_route("/readyz", _ready)
    app.add_api_route("/metrics", _metrics)
    return app


async def _health() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


async def _ready(request: Request) -> JSONResponse:
    """Say whether every part works that ingest needs."""
    checks = request.app.state.collector.readiness()
    ready = all(check.ok for check in checks.values() if check.required)
    body = {
        "status": "ok" if ready else "unavailable",
        "checks": {name: asdict(check) for name, check in checks.items()},
    }
    return JSONResponse(body, 200 if ready else 503)


async def _metrics(request: Request) -> PlainTextResponse:
    """Give the counters in Prometheus text."""
    collector: Collector = request.app.state.collector
    streams = collector.streams.items()
    gauges: Gauges = {
        "spooled_items": (
            "Spans, records or data points on disk and not in ClickHouse.",
            {(("signal", name),): float(stream.spooled_items) for name, stream in streams},
        ),
        "waiting_segments": (
            "Sealed segments not in ClickHouse.",
            {(("signal", name),): float(len(stream.delivery.waiting)) for name, stream in streams},
        ),
        "set_aside_bytes": (
            "Bytes of requests that ClickHouse does not take, in segments/*/rejected.",
            {(("signal", name),): float(stream.set_aside.size) for name, stream in streams},
        ),
        "undelivered_alerts": ("Messages that wait for alert channels.", {(): float(collector.alerts.waiting)}),
        **collector.forwarding.gauges(),
    }
    return PlainTextResponse(collector.counters.render(gauges), media_type="text/plain; version=0.0.4")
