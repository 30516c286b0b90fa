"""The runner's REST interface as the dashboard uses it."""

from collections.abc import Mapping
from typing import Any

import httpx


class RunnerError(Exception):
    """The runner did not do what was asked; the message says why, in words for the screen."""


class RunnerClient:
    """Lists pipelines, starts runs and steers them; safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """Remember where the runner is.

        Args:
            url: Base URL, such as ``http://127.0.0.1:8700``.
        """
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=httpx.Timeout(10, connect=2), trust_env=False)

    def active_runs(self) -> dict[str, dict[str, Any]]:
        """Runs that may still do something, by id."""
        return {
            run["id"]: run for run in self._ask("GET", "/v1/runs", params={"status": "active", "limit": "500"})["runs"]
        }

    def pipelines(self) -> list[dict[str, Any]]:
        """The catalogue, pipelines with errors included."""
        return list(self._ask("GET", "/v1/pipelines")["pipelines"])

    def start(self, pipeline: str, inputs: Mapping[str, Any]) -> str:
        """Start a run and give its id."""
        return str(self._ask("POST", "/v1/runs", json={"pipeline": pipeline, "inputs": dict(inputs)})["id"])

    def steer(self, run_id: str, action: str) -> None:
        """Apply ``pause``, ``resume`` or ``cancel`` to a run."""
        self._ask("POST", f"/v1/runs/{run_id}/{action}")

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise RunnerError(f"{self.url} does not answer ({_cause(error)})") from error
        if response.is_error:
            raise RunnerError(_problem(response))
        try:
            return response.json()
        except ValueError as error:
            raise RunnerError(f"{self.url} answered something that is no JSON; is this the runner?") from error


def _cause(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    return "connection refused" if isinstance(error, httpx.ConnectError) else str(error) or type(error).__name__


def _problem(response: httpx.Response) -> str:
    try:
        body = response.json()
        found = body.get("detail") or body.get("title")
    except (ValueError, AttributeError):
        found = None
    return str(found or f"{response.request.url} answered {response.status_code}")
