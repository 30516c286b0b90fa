"""The dashboard's side of the runner's REST interface, over real HTTP; and the page that uses it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck_ui import deck, services
from quarterdeck_ui.access.door import Access
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.poller import Poller
from quarterdeck_ui.queries import Store
from quarterdeck_ui.saved import Saved
from quarterdeck_ui.settings import Settings
from support.servers import serve
from support.waiting import eventually

PIPELINE = {
    "name": "brief",
    "description": "Write a brief.",
    "runnable": True,
    "inputs": [{"name": "topic", "type": "string", "required": True, "default": "tides", "description": ""}],
    "steps": [{"name": "plan"}, {"name": "write"}],
    "diagnostics": [],
}

BROKEN = {
    "name": "broken",
    "description": "",
    "runnable": False,
    "inputs": [],
    "steps": [],
    "diagnostics": [
        {
            "severity": "error",
            "file": "broken.yaml",
            "line": 7,
            "column": 13,
            "message": "there is no step type 'claud'",
        }
    ],
}

SETTINGS = Settings()


def served(runner: RunnerClient) -> None:
    """Give the page a runner; ClickHouse and the collector are away."""
    store, saved = Store("http://127.0.0.1:1", "quarterdeck"), Saved("http://127.0.0.1:1")
    services.use(services.Services(SETTINGS, store, runner, saved, Access(SETTINGS)))


@pytest.fixture
def asked() -> list[Any]:
    return []


@pytest.fixture
def runner(asked: list[Any]) -> Iterator[RunnerClient]:
    async def start(request: Request) -> Response:
        asked.append(await request.json())
        return JSONResponse({"id": "r1"}, 202)

    async def steer(request: Request) -> Response:
        asked.append(request.path_params["action"])
        if request.path_params["action"] == "resume":
            problem = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "the run is not paused"}
            return JSONResponse(problem, 409, media_type="application/problem+json")
        return JSONResponse({"id": "r1", "status": "running", "actions": []}, 202)

    async def listed(request: Request) -> Response:
        asked.append(dict(request.query_params))
        return JSONResponse({"runs": [{"id": "r1", "status": "running"}]})

    async def one(request: Request) -> Response:
        run_id = request.path_params["id"]
        known = {"f1": ("failed", ["retry", "replay"]), "open": ("running", ["pause", "cancel"])}
        if run_id not in known:
            return JSONResponse({"title": "Not found", "detail": f"there is no run {run_id}"}, 404)
        return JSONResponse({"id": run_id, "status": known[run_id][0], "actions": known[run_id][1]})

    async def pipelines(_request: Request) -> Response:
        return JSONResponse({"pipelines": [BROKEN, PIPELINE]})

    routes = [
        Route("/v1/pipelines", pipelines),
        Route("/v1/runs", start, methods=["POST"]),
        Route("/v1/runs", listed),
        Route("/v1/runs/{id}", one),
        Route("/v1/runs/{id}/{action}", steer, methods=["POST"]),
        Route("/odd/v1/pipelines", lambda _request: PlainTextResponse("hello")),
    ]
    with serve(Starlette(routes=routes)) as url:
        client = RunnerClient(url)
        yield client


def test_runs_are_listed_started_and_steered(runner: RunnerClient, asked: list[Any]) -> None:
    assert list(runner.active_runs()) == ["r1"]
    assert runner.start("brief", {"topic": "tides"})["id"] == "r1"
    runner.steer("r1", "pause")
    assert asked == [{"status": "active", "limit": "500"}, {"pipeline": "brief", "inputs": {"topic": "tides"}}, "pause"]


def test_a_refusal_comes_in_the_runners_words(runner: RunnerClient) -> None:
    with pytest.raises(RunnerError, match=r"^the run is not paused$"):
        runner.steer("r1", "resume")


async def test_what_the_runner_would_do_with_a_run_that_failed_is_asked_once_it_is_over(runner: RunnerClient) -> None:
    hub = Hub()
    hub.offers_wanted |= {"f1", "open", "elsewhere"}
    async with Poller(hub, Store("http://127.0.0.1:1", "quarterdeck"), runner, "http://127.0.0.1:1").running():
        await asyncio.to_thread(eventually, lambda: hub.snapshot.offers)
    assert hub.snapshot.offers == {"f1": ("retry", "replay"), "elsewhere": ()}


def test_a_retry_shows_the_new_run(runner: RunnerClient, asked: list[Any]) -> None:
    served(runner)
    app = AppTest.from_function(retrying, default_timeout=120).run()
    assert not app.exception
    assert (asked, app.session_state["select"]) == (["retry"], "r1")


def retrying() -> None:
    from quarterdeck_ui import deck

    assert not deck.steer("f1", "retry")


def test_something_else_at_the_address_is_recognised(runner: RunnerClient) -> None:
    odd = RunnerClient(runner.url + "/odd")
    with pytest.raises(RunnerError, match="is this the runner"):
        odd.pipelines()


def test_a_runner_that_is_away_is_named() -> None:
    client = RunnerClient("http://127.0.0.1:1")
    with pytest.raises(RunnerError, match=r"^http://127\.0\.0\.1:1 does not answer \(connection refused\)$"):
        client.active_runs()


def test_only_known_actions_reach_the_runner(runner: RunnerClient, asked: list[Any]) -> None:
    served(runner)
    assert deck.steer("r1", "../../pipelines") == "a run cannot be asked to ../../pipelines"
    assert deck.steer("../r1", "pause") == "that is no id of a run"
    assert deck.steer("r1", "resume") == "resume did not work: the run is not paused"
    assert asked == ["resume"]


def page() -> None:
    from quarterdeck_ui import start_dialog

    start_dialog.show()


def test_the_dialog_starts_a_run_with_its_inputs(runner: RunnerClient, asked: list[Any]) -> None:
    served(runner)
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    assert [caption.value for caption in app.caption] == ["Write a brief.", "plan → write"]
    app.text_input[0].set_value("moons")
    app.button[0].click().run()
    assert not app.exception
    assert asked == [{"pipeline": "brief", "inputs": {"topic": "moons"}}]
    assert app.session_state["select"] == "r1"


def test_the_dialog_refuses_an_empty_required_input(runner: RunnerClient, asked: list[Any]) -> None:
    served(runner)
    app = AppTest.from_function(page, default_timeout=120).run()
    app.text_input[0].set_value("")
    app.button[0].click().run()
    assert [error.value for error in app.error] == ["topic needs a value"]
    assert asked == []


def test_the_dialog_shows_what_is_wrong_with_a_pipeline_that_cannot_run(runner: RunnerClient) -> None:
    served(runner)
    app = AppTest.from_function(page, default_timeout=120).run()
    assert app.selectbox[0].options == ["brief", "broken (cannot run as it is)"]
    app.selectbox[0].select("broken").run()
    assert not app.exception
    assert [code.value for code in app.code] == ["broken.yaml:7: there is no step type 'claud'"]
    assert len(app.button) == 0


def test_the_dialog_says_that_the_runner_is_away() -> None:
    served(RunnerClient("http://127.0.0.1:1"))
    app = AppTest.from_function(page, default_timeout=120).run()
    assert app.error[0].value.startswith("Runs cannot be started now: the runner at http://127.0.0.1:1 does not answer")
