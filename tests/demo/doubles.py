"""A collector that keeps what it gets, and a runner that completes every run at once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from support.otlp_receiver import Receiver

T = TypeVar("T")


class Collector(Receiver):
    """A receiver that also says that it lives."""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/healthz", _healthz), Mount("/", super().app())])

    def names_under(self, root: str) -> list[str]:
        """Sorted names of the spans in the one trace whose root has that name."""
        (trace,) = {span["trace_id"] for span in self.spans() if span["name"] == root}
        return sorted(span["name"] for span in self.spans() if span["trace_id"] == trace)


@dataclass
class Runner:
    """Speaks the part of the runner's API that the demo uses."""

    offered: tuple[str, ...]
    started: list[str] = field(default_factory=list)
    refuses: str = ""
    _ids: Iterator[int] = field(default_factory=count)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/healthz", _healthz),
                Route("/v1/pipelines", self._pipelines),
                Route("/v1/runs", self._start, methods=["POST"]),
                Route("/v1/runs/{id}", self._run),
                Route("/v1/heartbeats", self._heartbeats, methods=["POST"]),
            ]
        )

    async def _pipelines(self, _: Request) -> Response:
        return JSONResponse({"pipelines": [{"name": name, "runnable": True} for name in self.offered]})

    async def _start(self, request: Request) -> Response:
        if self.refuses:
            return JSONResponse({"title": "Conflict", "detail": self.refuses}, 409)
        self.started.append((await request.json())["pipeline"])
        return JSONResponse({"id": f"run-{next(self._ids)}", "status": "running"}, 202)

    async def _run(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["id"], "status": "completed", "error": None})

    async def _heartbeats(self, _: Request) -> Response:
        return JSONResponse({"commands": {}})


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def until(look: Callable[[], T], seconds: float = 90.0) -> T:
    """Poll ``look`` until it gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not true within {seconds} s: {look}"
        time.sleep(0.05)
    return found
