"""Gives the editor what the runner says of the language of pipeline files; a page may not ask the runner itself."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quarterdeck.runner_client import RunnerClient, RunnerError


def routes(runner: RunnerClient) -> list[Route]:
    """Serve ``/deck/language``.

    Args:
        runner: Who knows it.
    """

    async def language(_request: Request) -> Response:
        try:
            return JSONResponse(await asyncio.to_thread(runner.language))
        except RunnerError as error:
            return JSONResponse({"error": str(error)}, 503)

    return [Route("/deck/language", language)]
