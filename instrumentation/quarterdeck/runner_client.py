"""A typed client of the runner's REST interface, for programs and for the dashboard.

It lives in the SDK, which every service may import, and needs the standard library only, as the SDK promises.
"""

import http.client
import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast
from urllib.parse import quote, urlencode, urlsplit

from quarterdeck.otlp_target import bearer
from quarterdeck.runner_batches import Batches
from quarterdeck.runner_types import (
    DryRun,
    KeyProfile,
    KeyVerdict,
    Language,
    Pipeline,
    PipelineWithSource,
    Provider,
    ProviderList,
    Run,
)

_TIMEOUT_S: Final = 10.0
_PROVIDER_S: Final = 30.0
_PAGE: Final = 500
_ERROR: Final = 400
_MAX_ANSWER: Final = 256 << 20


class RunnerError(Exception):
    """The runner did not do what was asked; the message says why, in words for a person.

    Args:
        message: what is wrong and what to do.
        status: HTTP status; 0 if there was no answer.
        problem: the problem document (RFC 9457); empty if there was none.
    """

    def __init__(self, message: str, status: int = 0, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})


class RunnerClient:
    """Lists pipelines, starts runs and steers them; safe to use from several threads.

    Args:
        url: base URL, such as ``http://127.0.0.1:8700``.
        token: from ``quarterdeck token create``, where the runner asks for one.
        timeout_s: seconds that an answer may take.
    """

    def __init__(self, url: str, token: str = "", timeout_s: float = _TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)
        self._token = token
        self._headers = {"Accept": "application/json", **bearer(token)}
        self._timeout_s = timeout_s

    def with_timeout(self, timeout_s: float) -> "RunnerClient":
        """The same runner, whose answers may take this long."""
        return RunnerClient(self.url, self._token, timeout_s)

    def runs(self, status: Literal["active", "all"] = "all") -> Iterator[Run]:
        """Give runs, newest first, page after page.

        Raises:
            RunnerError: the runner does not answer or refuses.
        """
        return cast("Iterator[Run]", self._pages("/v1/runs", "runs", {"status": status}))

    def active_runs(self) -> dict[str, Run]:
        """Runs that may still do something, by id."""
        return {run["id"]: run for run in self.runs("active")}

    def run(self, run_id: str) -> Run:
        """Read a run."""
        return cast("Run", self.ask("GET", f"/v1/runs/{_segment(run_id)}"))

    def start(
        self, pipeline: str, inputs: Mapping[str, Any] | None = None, *, key: str | None = None, **options: Any
    ) -> Run:
        """Start a run.

        Args:
            pipeline: name of the pipeline.
            inputs: values by name.
            key: idempotency key; by default a new one, so that only this call's own second attempt is the same request.
            options: further fields of the request, such as ``keys`` with the key profile of each provider.

        Raises:
            RunnerError: the runner does not answer or refuses.
        """
        body = {"pipeline": pipeline, "inputs": dict(inputs or {}), **options}
        return cast("Run", self.ask("POST", "/v1/runs", body, key=key))

    def dry_run(self, pipeline: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> DryRun:
        """Say what a run would ask, use and cost; nobody is asked. The arguments are those of :meth:`start`."""
        body = {"pipeline": pipeline, "inputs": dict(inputs or {}), **options}
        return cast("DryRun", self.ask("POST", "/v1/runs/dry-run", body))

    def steer(self, run_id: str, command: str) -> Run:
        """Tell a run to ``pause``, ``resume`` or ``cancel``."""
        return cast("Run", self.ask("POST", f"/v1/runs/{_segment(run_id)}/{_segment(command)}"))

    def pipelines(self) -> list[Pipeline]:
        """The catalogue, pipelines with errors included."""
        return cast("list[Pipeline]", list(self._pages("/v1/pipelines", "pipelines", {})))

    def pipeline(self, name: str) -> tuple[PipelineWithSource, str]:
        """Read a pipeline and its ETag, which saving it asks for."""
        found, headers = self._exchange("GET", _pipeline(name), None, {})
        return cast("PipelineWithSource", found), headers.get("ETag", "")

    def validate(self, source: str) -> Pipeline:
        """Say what is in the text of a pipeline file, and everything that is wrong with it."""
        return cast("Pipeline", self.ask("POST", "/v1/pipelines/validate", {"source": source}))

    def language(self) -> Language:
        """What an editor of pipeline files completes with."""
        return cast("Language", self.ask("GET", "/v1/language"))

    def format(self, source: str) -> str:
        """Lay out the text of a pipeline file.

        Raises:
            RunnerError: status 422 if it is no valid YAML.
        """
        return str(self.ask("POST", "/v1/language/format", {"source": source})["source"])

    def save(self, name: str, source: str, etag: str = "", *, draft: bool = False) -> tuple[PipelineWithSource, str]:
        """Save a pipeline and give it with its new ETag.

        Args:
            name: name of the pipeline, as the text has it.
            source: text of its file.
            etag: of the text that this one replaces; empty for a new pipeline.
            draft: save it even if it has errors.

        Raises:
            RunnerError: status 412 if somebody else saved it meanwhile.
        """
        condition = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        body = {"source": source, "draft": draft}
        found, headers = self._exchange("PUT", _pipeline(name), body, condition)
        return cast("PipelineWithSource", found), headers.get("ETag", "")

    def delete(self, name: str, etag: str) -> None:
        """Delete the file of a pipeline."""
        self._exchange("DELETE", _pipeline(name), None, {"If-Match": etag})

    @property
    def batches(self) -> Batches:
        """Many inputs through one pipeline."""
        return Batches(self)

    def providers(self) -> ProviderList:
        """Providers, and which keys there are."""
        return cast("ProviderList", self.ask("GET", "/v1/providers"))

    def set_key(
        self, provider: Provider, key: str, profile: str = "default", base_url: str | None = None
    ) -> KeyProfile:
        """Keep a key of a provider."""
        body = {"key": key, "base_url": base_url}
        return cast("KeyProfile", self.ask("PUT", f"/v1/providers/{provider}/keys/{_segment(profile)}", body))

    def remove_key(self, provider: Provider, profile: str = "default") -> None:
        """Forget a key."""
        self.ask("DELETE", f"/v1/providers/{provider}/keys/{_segment(profile)}")

    def test_key(self, provider: Provider, profile: str = "default") -> KeyVerdict:
        """Say whether a key works."""
        patient = self.with_timeout(max(self._timeout_s, _PROVIDER_S))
        return cast("KeyVerdict", patient.ask("POST", f"/v1/providers/{provider}/test", {"profile": profile}))

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Ask for anything that the interface has.

        Args:
            method: HTTP method.
            path: path with its query.
            body: what is sent as JSON; None for nothing.
            key: idempotency key of a POST; a new one by default.

        Returns:
            The answer's JSON; None if it has none.

        Raises:
            RunnerError: the runner does not answer or refuses.
        """
        return self._exchange(method, path, body, _once(method, key))[0]

    def send(self, path: str, content: bytes, kind: str, *, key: str | None = None) -> Any:
        """Post something that is no JSON, and give the answer's JSON.

        Args:
            path: path with its query.
            content: what is sent.
            kind: its media type.
            key: idempotency key; a new one by default.

        Raises:
            RunnerError: the runner does not answer or refuses.
        """
        status, _, raw = self._answer("POST", path, content, {"Content-Type": kind, **_once("POST", key)})
        return self._read(status, raw)

    def fetch(self, path: str) -> bytes:
        """Read something that is no JSON.

        Raises:
            RunnerError: the runner does not answer or refuses.
        """
        status, _, raw = self._answer("GET", path, None, {})
        if status >= _ERROR:
            self._read(status, raw)
        return raw

    def _pages(self, path: str, field: str, query: Mapping[str, Any]) -> Iterator[Any]:
        cursor: str | None = ""
        while cursor is not None:
            words = {**query, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self.ask("GET", f"{path}?{urlencode(words)}")
            yield from page[field]
            cursor = page.get("next_cursor")

    def _exchange(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[Any, http.client.HTTPMessage]:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if content is None else {"Content-Type": "application/json"}
        status, found, raw = self._answer(method, path, content, {**headers, **kind})
        return self._read(status, raw), found

    def _answer(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {**self._headers, **headers}
        try:
            try:
                return self._send(method, path, content, headers)
            except (ConnectionResetError, http.client.RemoteDisconnected):
                # Gone in the middle, as when the runner is started anew; its key keeps a POST from being done twice.
                if method not in {"GET", "POST"}:
                    raise
                return self._send(method, path, content, headers)
        except (OSError, http.client.HTTPException) as error:
            raise RunnerError(f"{self.url} does not answer ({_cause(error)})") from error

    def _send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = self._connection()
        try:
            connection.request(method, self._parts.path + path, content, dict(headers))
            response = connection.getresponse()
            return response.status, response.headers, response.read(_MAX_ANSWER)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname, self._parts.port
        if self._parts.scheme not in {"http", "https"} or not host:
            raise RunnerError(f"'{self.url}' is no http(s) URL")
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)

    def _read(self, status: int, raw: bytes) -> Any:
        try:
            found = json.loads(raw) if raw else None
        except ValueError:
            found = None if status >= _ERROR else ...
        if status >= _ERROR:
            problem = found if isinstance(found, dict) else {}
            message = problem.get("detail") or problem.get("title") or f"{self.url} answered {status}"
            raise RunnerError(str(message), status, problem)
        if found is ...:
            raise RunnerError(f"{self.url} answered something that is no JSON; is this the runner?", status)
        return found


def _segment(text: str) -> str:
    return quote(text, safe="")


def _once(method: str, key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())} if method == "POST" else {}


def _pipeline(name: str) -> str:
    return f"/v1/pipelines/{quote(name)}"


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return "connection refused" if isinstance(error, ConnectionRefusedError) else str(error) or type(error).__name__
