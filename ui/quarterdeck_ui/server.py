"""The ASGI application: Streamlit, the push route and the health routes in one process."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from quarterdeck.runner_client import RunnerClient
from quarterdeck_ui import (
    alerts_route,
    assets,
    chart_runs,
    first_page,
    language_route,
    leaving,
    log_export,
    run_export,
    services,
    span_routes,
)
from quarterdeck_ui.access.door import Door
from quarterdeck_ui.access.entrance import entrance
from quarterdeck_ui.colours import THEME
from quarterdeck_ui.feed import Feed
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.log_feed import LogFeed
from quarterdeck_ui.poller import Poller
from quarterdeck_ui.queries import Store
from quarterdeck_ui.saved import Saved
from quarterdeck_ui.settings import Settings

_SCRIPT = Path(__file__).parent / "script.py"
_LOG = logging.getLogger("quarterdeck.ui")


def application(settings: Settings) -> Any:
    """Build the application for these settings; one per process."""
    store = Store(settings.clickhouse_url, settings.database)
    # From the environment only: a flag would show it in the list of processes.
    token = os.environ.get("QUARTERDECK_TOKEN", "")
    runner = RunnerClient(settings.runner_url, token)
    saved = Saved(settings.endpoint, token)
    hub, (access, ways_in) = Hub(), entrance(settings)
    poller = Poller(hub, store, runner, settings.endpoint)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        services.use(services.Services(settings, store, runner, saved, access))
        leaving.soon()
        async with poller.running():
            yield
        store.close()
        saved.close()

    return st.App(
        _SCRIPT,
        lifespan=lifespan,
        routes=[
            WebSocketRoute("/deck/live", Feed(hub, store).serve),
            WebSocketRoute("/deck/logs", LogFeed(store).serve),
            *log_export.routes(store),
            *run_export.routes(hub, store),
            *alerts_route.routes(hub),
            *chart_runs.routes(store),
            *span_routes.routes(store, settings.endpoint, token),
            *language_route.routes(runner),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz(hub)),
            first_page.route(),
            assets.route(),
            Route("/logs", _logs),
            *ways_in,
        ],
        middleware=[Middleware(Door, access=access)],
        on_script_error=_script_failed,
    )


def streamlit_config(settings: Settings) -> dict[str, Any]:
    """Streamlit options: quiet, local, no file watching, no garbage collection after every run."""
    return {
        "server.address": settings.host,
        "server.port": settings.ui_port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "runner.postScriptGC": False,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,  # printing it asks a web service for the public address
        **THEME,
    }


async def _logs(request: Request) -> Response:
    """The short address of the log viewer, with any filter behind it."""
    return RedirectResponse(f"/?view=logs&{request.url.query}")


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _readyz(hub: Hub) -> Any:
    async def readyz(_request: Request) -> Response:
        health = hub.snapshot.health.get("clickhouse")
        ok = bool(health and health.ok)
        reason = health.reason if health else "not asked yet"
        checks = {"clickhouse": {"ok": ok, "reason": "" if ok else reason}}
        return JSONResponse({"status": "ok" if ok else "unready", "checks": checks}, 200 if ok else 503)

    return readyz


def _script_failed(error: Exception) -> None:
    _LOG.error("the page failed: %s", error, exc_info=error)
