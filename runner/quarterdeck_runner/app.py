"""The runner as an ASGI application."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from quarterdeck import config
from quarterdeck.egress import Egress
from quarterdeck.serving import is_loopback
from quarterdeck.tokens import Tokens
from quarterdeck_runner import openapi, prices, problems
from quarterdeck_runner.audit import Audit
from quarterdeck_runner.batches import Batches
from quarterdeck_runner.catalogue import Catalogue
from quarterdeck_runner.clients import warm_up
from quarterdeck_runner.doors import Doors, Rules, hosts_of
from quarterdeck_runner.engine import Engine
from quarterdeck_runner.heartbeats import Heartbeats
from quarterdeck_runner.idempotency import Idempotency
from quarterdeck_runner.key_stores import open_store
from quarterdeck_runner.keys import Keys, redact
from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.limits import Limits
from quarterdeck_runner.prediction import Predictor
from quarterdeck_runner.prices import Prices
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.python_pipelines import Modules
from quarterdeck_runner.request_store import Requests
from quarterdeck_runner.routes import batches as batch_routes
from quarterdeck_runner.routes import (
    calls,
    dry_runs,
    experiments,
    health,
    heartbeats,
    known_models,
    language,
    pipelines,
    prompts,
    runs,
)
from quarterdeck_runner.routes import providers as providers_routes
from quarterdeck_runner.routes.state import Parts
from quarterdeck_runner.settings import Settings

_DESCRIPTION: Final = """
Errors are problem documents (RFC 9457): `title` says what kind of problem it is, `detail` what is wrong and what to do.
Lists come in pages: ask for the next one with `cursor` = `next_cursor`. A POST with an `Idempotency-Key` is done once,
however often it is sent.
"""


def create_app(settings: Settings, tokens: Tokens | None = None) -> FastAPI:
    """Make the application; its lifespan runs the engine.

    Args:
        settings: what to run with.
        tokens: who may come in; by default those of the data directory.

    Raises:
        KeyStoreError: at the start, if the chosen key store cannot be used.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _working(settings) as app.state.parts:
            threading.Thread(target=warm_up, name="quarterdeck-warm-up", daemon=True).start()
            yield

    app = FastAPI(
        title="Quarterdeck runner",
        version=version("quarterdeck"),
        summary="Start pipelines and steer runs.",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI would put a span for every poll and heartbeat beside the runs of the users.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    problems.install(app)
    openapi.install(app)
    for module in (
        health, language, pipelines, dry_runs, runs, providers_routes, known_models, heartbeats, batch_routes, prompts,
        calls, experiments,
    ):  # fmt: skip
        app.include_router(module.router)
    hosts = hosts_of(settings.host, settings.allowed_hosts)
    tokens = tokens or Tokens(settings.token_file, local=is_loopback(settings.host))
    # The last one added is asked first.
    app.add_middleware(Idempotency, requests=lambda: app.state.parts.requests)
    app.add_middleware(Doors, rules=Rules(tokens, hosts, settings.runner_max_body_bytes, settings.client_patience))
    app.add_middleware(Audit)
    return app


@contextlib.asynccontextmanager
async def _working(settings: Settings) -> AsyncIterator[Parts]:
    """Run the parts until the block ends."""
    config.on_redact(redact)
    store = open_store(settings.key_store, settings.data_dir, os.environ)
    keys = await asyncio.to_thread(Keys, os.environ, store, Egress(settings.provider_urls))
    url = settings.database_url
    prices.use(Prices(settings.prices))
    with contextlib.closing(Ledger(url, prices.current())) as ledger:
        providers = Providers(keys, ledger)
        engine = Engine(
            url,
            settings.outputs_dir,
            settings.runner_concurrency,
            providers,
            limits=Limits(settings.provider_concurrency, settings.provider_rate),
            silence_s=settings.runner_lost_after,
            memory_mb=settings.module_memory_mb,
        )
        batches = Batches(url, engine, ledger)
        catalogue = Catalogue(settings.pipelines, Modules(settings.modules))
        async with engine.running(), batches.running():
            with contextlib.closing(Requests(url)) as requests:
                await asyncio.to_thread(requests.open)
                predictor = Predictor(providers, ledger)
                yield Parts(engine, batches, ledger, predictor, catalogue, Heartbeats(), keys, providers, requests)
