"""What fires now, for pages without the feed of the deck: ``/deck/alerts.json``."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quarterdeck_ui.hub import Hub


def routes(hub: Hub) -> list[Route]:
    """One document, out of what the poller has read for everybody: nobody's look asks ClickHouse."""

    async def alerts(_request: Request) -> Response:
        return JSONResponse(asdict(hub.snapshot.alerts), headers={"Cache-Control": "no-store"})

    return [Route("/deck/alerts.json", alerts)]
