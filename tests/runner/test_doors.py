"""What stands before the interface: tokens, names, pages of others, sizes, slowness, odd bodies."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from quarterdeck.tokens import Scope, TokenFile
from quarterdeck_runner.app import create_app
from quarterdeck_runner.doors import hosts_of, scope_of
from quarterdeck_runner.settings import Settings
from support.runner import Runner

HELLO = "name: hello\nsteps: [{name: a, type: echo, value: hello}]\n"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and title of a problem document; fails if it is none."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["type"]) == (answer.status_code, "about:blank")
    return answer.status_code, found["title"]


@pytest.fixture
def tokens(runner: Runner) -> Iterator[dict[str, str]]:
    """A token of each scope, for as long as the test takes."""
    file = TokenFile(runner.data / "tokens.json")
    yield {scope.value: file.create(scope.value, [scope]) for scope in Scope}
    file.path.unlink()


def test_scopes_open_what_they_say(runner: Runner, tokens: dict[str, str]) -> None:
    runner.pipeline(HELLO)
    asked: dict[str, tuple[str, str, Any]] = {
        "health": ("GET", "/healthz", None),
        "read": ("GET", "/v1/runs", None),
        "validate": ("POST", "/v1/pipelines/validate", {"source": HELLO}),
        "run": ("POST", "/v1/runs", {"pipeline": "hello"}),
        "admin": ("POST", "/v1/providers/claude/test", {"profile": "nobody"}),
    }

    def opened(token: str) -> set[str]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answers = {
            name: runner.http.request(method, path, json=body, headers=headers)
            for name, (method, path, body) in asked.items()
        }
        closed = {problem(answer) for answer in answers.values() if answer.is_error}
        allowed = {(401, "A token is needed")} if token in {"", "guess"} else {(403, "The token does not allow this")}
        assert closed <= allowed
        return {name for name, answer in answers.items() if answer.is_success}

    assert {name: opened(token) for name, token in tokens.items()} == {
        "ingest": {"health"},
        "read": {"health", "read", "validate"},
        "run": {"health", "read", "validate", "run"},
        "admin": set(asked),
    }
    assert opened("") == opened("guess") == {"health"}
    assert runner.http.get("/v1/runs").headers["www-authenticate"] == 'Bearer realm="quarterdeck"'


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/providers", Scope.READ),
        ("POST", "/v1/runs", Scope.RUN),
        ("POST", "/v1/anything/new", Scope.RUN),
        ("PUT", "/v1/pipelines/x", Scope.ADMIN),
        ("DELETE", "/v1/providers/claude/keys/default", Scope.ADMIN),
        ("POST", "/v1/pipelines/validate/", Scope.READ),
        ("POST", "/v1/providersx", Scope.RUN),
    ],
)
def test_the_scope_of_a_request(method: str, path: str, scope: Scope) -> None:
    assert scope_of(method, path) is scope


def test_only_its_own_names_reach_the_runner(runner: Runner) -> None:
    """A page whose name is rebound to this address still sends its own name."""

    def call(host: str) -> httpx.Response:
        return runner.http.get("/v1/runs", headers={"host": host})

    assert [call(host).status_code for host in ("localhost:1", "127.0.0.1", "[::1]:8700", "LOCALHOST")] == [200] * 4
    for host in ("evil.example", "127.0.0.1.evil.example:8700", "localhost.evil.example", "[", ""):
        assert problem(call(host)) == (421, "This runner is not called so")


@pytest.mark.parametrize(
    ("host", "further", "names"),
    [
        ("127.0.0.1", (), {"localhost", "127.0.0.1", "::1"}),
        ("127.0.0.1", ("Deck.example",), {"localhost", "127.0.0.1", "::1", "deck.example"}),
        ("0.0.0.0", (), set()),  # noqa: S104 - tokens guard it, and nobody knows its names
        ("0.0.0.0", ("deck.example",), {"localhost", "127.0.0.1", "::1", "0.0.0.0", "deck.example"}),  # noqa: S104
    ],
)
def test_the_names_of_a_runner(host: str, further: tuple[str, ...], names: set[str]) -> None:
    assert hosts_of(host, further) == names


def test_web_pages_of_others_change_nothing(runner: Runner) -> None:
    runner.pipeline(HELLO)

    def start(**headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers=sent)

    own = str(runner.http.base_url).rstrip("/")
    assert start(origin=own, sec_fetch_site="same-origin").status_code == 202
    strange: list[dict[str, str]] = [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"{own}0"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
    ]
    for headers in strange:
        assert problem(start(**headers)) == (403, "Web pages of others may not do this")
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = runner.http.options("/v1/runs", headers=asked)
    listed = runner.http.get("/v1/runs", headers={"origin": "https://evil.example"})
    assert not [name for answer in (preflight, listed) for name in answer.headers if name.startswith("access-control")]


def test_a_form_of_a_page_is_no_request(runner: Runner) -> None:
    body = json.dumps({"pipeline": "hello"})
    for media in ("text/plain", "application/x-www-form-urlencoded"):
        answer = runner.http.post("/v1/runs", content=body, headers={"content-type": media})
        assert problem(answer) == (422, "The request is not valid")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"pipeline": "\\ud800"}', "a text holds a NUL character or half of a surrogate pair"),
        ('{"pipeline": "a\\u0000"}', "a text holds a NUL character or half of a surrogate pair"),
        ('{"pipeline": "hello", "inputs": {"\\udfff": 1}}', "a text holds a NUL character or half of a surrogate pair"),
        ('{"pipeline": "hello", "inputs": {"a": NaN}}', "a number is infinite or none at all"),
        ('{"pipeline": "hello", "inputs": {"a": 1e999}}', "a number is infinite or none at all"),
        ('{"pipeline": "hello", "inputs": {"a": ' + "[" * 70 + "]" * 70 + "}}",
         "the JSON is nested deeper than 64 levels"),
        ("[" * 200_000, "the JSON is nested deeper than 64 levels"),
    ],
)  # fmt: skip
def test_json_that_could_not_be_given_back(runner: Runner, body: str, detail: str) -> None:
    answer = runner.http.post("/v1/runs", content=body, headers={"content-type": "application/json"})
    assert problem(answer) == (400, "The request cannot be read")
    assert answer.json()["detail"] == detail


@pytest.mark.parametrize("path", ["/v1/runs/a%00b", "/v1/pipelines/%00", "/v1/runs?cursor=%00"])
def test_nul_in_an_address(runner: Runner, path: str) -> None:
    assert problem(runner.http.get(path)) == (400, "The request cannot be read")


@pytest.mark.parametrize("announced", [True, False])
def test_a_prompt_of_ten_megabytes(runner: Runner, *, announced: bool) -> None:
    body = json.dumps({"pipeline": "hello", "inputs": {"prompt": "x" * 10_000_000}}).encode()
    content = body if announced else iter([body[:5_000_000], body[5_000_000:]])
    answer = runner.http.post("/v1/runs", content=content, headers={"content-type": "application/json"})
    assert problem(answer) == (413, "The request is too large")
    assert "a body may have 8388608 bytes: put long texts into files beside the pipeline" in answer.json()["detail"]


def test_a_body_that_never_comes(runner: Runner) -> None:
    rules = next(each.kwargs["rules"] for each in runner.app.user_middleware if "rules" in each.kwargs)
    object.__setattr__(rules, "patience_s", 0.05)
    try:
        with socket.create_connection((runner.http.base_url.host, runner.http.base_url.port or 0)) as client:
            head = "POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: 9\r\n\r\n{{".encode())
            client.settimeout(30)
            answer = b"".join(iter(lambda: client.recv(4096), b""))
    finally:
        object.__setattr__(rules, "patience_s", 30)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 0.05 s" in answer


def test_an_error_of_ours_is_a_problem_that_tells_nothing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr("quarterdeck_runner.catalogue.Catalogue.entries", broken)
    answer = runner.http.get("/v1/pipelines")
    assert problem(answer) == (500, "Internal error")
    assert answer.json()["detail"] == "the runner failed at this (KeyError); its log says how"


def test_settings_name_origins_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_ALLOWED_HOSTS", "deck.example, other.example")
    monkeypatch.setenv("QUARTERDECK_PROVIDER_URLS", "https://gateway.example https://*.example.org")
    settings = Settings()
    assert settings.allowed_hosts == ("deck.example", "other.example")
    assert settings.provider_urls == ("https://gateway.example", "https://*.example.org")
    assert create_app(settings).title == "Quarterdeck runner"
