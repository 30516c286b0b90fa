"""What the demo asks of the runner and the collector."""

import asyncio
import logging
import os
from typing import Any

import httpx

from quarterdeck.otlp_target import bearer

log = logging.getLogger("quarterdeck.demo")

_RETRY_S = 2.0
_ENDED = {"completed", "failed", "cancelled", "lost"}


class RefusedError(Exception):
    """The runner does not start a pipeline; the message says why."""


class Service:
    """A service that may be away: says so once, and waits for it.

    Args:
        name: what to call it.
        url: its base URL.
        hint: how to start it.
        patience: seconds to wait for it; None waits for ever.
    """

    def __init__(self, name: str, url: str, hint: str, patience: float | None) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.http = httpx.AsyncClient(
            base_url=self.url, timeout=10, headers=bearer(os.environ.get("QUARTERDECK_TOKEN", ""))
        )
        self._hint = hint
        self._patience = patience
        self._away = False

    async def wait(self) -> bool:
        """Wait until it answers; False when the patience ends."""
        waited = 0.0
        while not await self._answers():
            self._tell_once()
            if self._patience is not None and waited >= self._patience:
                return False
            await asyncio.sleep(_RETRY_S)
            waited += _RETRY_S
        if self._away:
            log.info("the %s at %s answers", self.name, self.url)
            self._away = False
        return True

    async def _answers(self) -> bool:
        try:
            return (await self.http.get("/healthz")).is_success
        except httpx.HTTPError:
            return False

    def _tell_once(self) -> None:
        if not self._away:
            log.warning("the %s at %s does not answer; waiting (%s)", self.name, self.url, self._hint)
            self._away = True


class Runner(Service):
    """The runner's REST API."""

    async def pipelines(self) -> set[str]:
        """Names of the pipelines that can run."""
        answer = (await self.http.get("/v1/pipelines")).raise_for_status().json()
        return {each["name"] for each in answer["pipelines"] if each["runnable"]}

    async def start(self, pipeline: str) -> str:
        """Start a run with the default inputs and give its id.

        Raises:
            RefusedError: the runner does not take it.
        """
        response = await self.http.post("/v1/runs", json={"pipeline": pipeline, "inputs": {}})
        if response.is_error:
            raise RefusedError(_problem(response))
        return str(response.json()["id"])

    async def ended(self, run: str) -> dict[str, Any]:
        """Wait for the end of a run and give it."""
        while True:
            answer: dict[str, Any] = (await self.http.get(f"/v1/runs/{run}")).raise_for_status().json()
            if answer["status"] in _ENDED:
                return answer
            await asyncio.sleep(1)


def _problem(response: httpx.Response) -> str:
    try:
        body = response.json()
        return str(body.get("detail") or body.get("title") or body)
    except ValueError:
        return f"status {response.status_code}"
