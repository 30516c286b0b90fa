"""The runner as an ASGI application."""

import contextlib
import threading
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI

from quarterdeck_runner import problems
from quarterdeck_runner.batches import Batches
from quarterdeck_runner.catalogue import Catalogue
from quarterdeck_runner.engine import Engine
from quarterdeck_runner.heartbeats import Heartbeats
from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.limits import Limits
from quarterdeck_runner.prediction import Predictor
from quarterdeck_runner.prices import Prices
from quarterdeck_runner.providers import Providers, warm_up
from quarterdeck_runner.python_pipelines import Modules
from quarterdeck_runner.routes import batches as batch_routes
from quarterdeck_runner.routes import dry_runs, experiments, health, heartbeats, pipelines, prompts, runs
from quarterdeck_runner.routes.state import Parts
from quarterdeck_runner.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Make the application; its lifespan runs the engine.

    Args:
        settings: what to run with.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        url = settings.database_url
        ledger = Ledger(url, Prices(settings.prices))
        providers = Providers(ledger=ledger)
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
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(ledger.close)
            await stack.enter_async_context(engine.running())
            await stack.enter_async_context(batches.running())
            predictor = Predictor(providers, ledger)
            app.state.parts = Parts(engine, batches, ledger, predictor, catalogue, Heartbeats())
            threading.Thread(target=warm_up, name="quarterdeck-warm-up", daemon=True).start()
            yield

    app = FastAPI(
        title="Quarterdeck runner",
        version=version("quarterdeck"),
        summary="Start pipelines and steer runs.",
        lifespan=lifespan,
        # FastAPI would put a span for every poll and heartbeat beside the runs of the users.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    problems.install(app)
    for module in (health, pipelines, dry_runs, runs, heartbeats, batch_routes, prompts, experiments):
        app.include_router(module.router)
    return app
