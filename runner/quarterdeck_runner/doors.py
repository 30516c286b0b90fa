"""What stands before the REST interface: who may come in, from where, with what, and in what time."""

import asyncio
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from quarterdeck.serving import is_loopback
from quarterdeck.tokens import DeniedError, Scope, Tokens
from quarterdeck_runner import problems
from quarterdeck_runner.problems import ProblemError

ACTOR: Final = "quarterdeck.actor"
"""Where the ASGI scope holds the name of the request's token."""

BODY: Final = "quarterdeck.body"
"""Where the ASGI scope holds the whole body."""

_OPEN: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_READ_BY_POST: Final = frozenset({"/v1/pipelines/validate", "/v1/language/format"})
_ADMIN: Final = ("/v1/providers", "/v1/pipelines")
_MAX_DEPTH: Final = 64
_AT_ONCE: Final = 64 << 10
_SURROGATE: Final = re.compile("[\ud800-\udfff\x00]")
_BAD_REQUEST: Final = "The request cannot be read"


@dataclass(frozen=True)
class Rules:
    """What is let in.

    Args:
        tokens: who may come in.
        hosts: names by which the runner may be called; with none every name.
        max_body_bytes: largest body.
        patience_s: seconds that a whole body may take.
    """

    tokens: Tokens
    hosts: frozenset[str]
    max_body_bytes: int
    patience_s: float


def hosts_of(host: str, further: Iterable[str]) -> frozenset[str]:
    """Names by which a runner may be called: a page of another name, rebound to this address, has none of them.

    Args:
        host: address that it listens on.
        further: names that the operator adds, such as that of a proxy in front.
    """
    added = {name.lower() for name in further}
    return (
        frozenset({"localhost", "127.0.0.1", "::1", host.lower(), *added})
        if is_loopback(host) or added
        else frozenset()
    )


class Doors:
    """ASGI middleware that refuses what must not come in, with a problem document.

    Args:
        app: the interface.
        rules: what is let in.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if request["type"] != "http":
            await self._app(request, receive, send)
            return
        try:
            self._admit(request)
            body = await self._body(request, receive)
        except ProblemError as error:
            await problems.response(error)(request, receive, send)
            return
        except _GoneError:
            return
        request[BODY] = body
        await self._app(request, _replay(body, receive), send)

    def _admit(self, request: Request) -> None:
        self._check_host(request)
        self._check_origin(request)
        if "\0" in request["path"] or b"%00" in request["query_string"]:
            raise ProblemError(400, _BAD_REQUEST, "there is a NUL character in the address")
        if request["path"] in _OPEN:
            return
        try:
            scope = scope_of(request["method"], request["path"])
            request[ACTOR] = self._rules.tokens.check(_header(request, b"authorization"), scope)
        except DeniedError as error:
            title = "The token does not allow this" if error.known else "A token is needed"
            challenge = {} if error.known else {"WWW-Authenticate": 'Bearer realm="quarterdeck"'}
            raise ProblemError(403 if error.known else 401, title, str(error), headers=challenge) from None

    def _check_host(self, request: Request) -> None:
        name = _hostname(f"//{_header(request, b'host')}")
        if self._rules.hosts and name not in self._rules.hosts:
            raise ProblemError(
                421,
                "This runner is not called so",
                f"'{name}' is none of its names: call it 127.0.0.1 or localhost, or add the name with "
                "--allowed-hosts / QUARTERDECK_ALLOWED_HOSTS",
            )

    @staticmethod
    def _check_origin(request: Request) -> None:
        origin, site = _header(request, b"origin"), _header(request, b"sec-fetch-site")
        own = f"//{_header(request, b'host')}".lower()
        foreign = bool(origin) and origin.partition(":")[2].lower() != own
        if request["method"] not in _SAFE and (foreign or site in {"cross-site", "same-site"}):
            raise ProblemError(
                403, "Web pages of others may not do this", f"a page of {origin or 'another site'} has no say here"
            )

    async def _body(self, request: Request, receive: Receive) -> bytes:
        announced = _header(request, b"content-length")
        if announced.isdecimal() and int(announced) > self._rules.max_body_bytes:
            raise self._too_large()
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._rules.patience_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    pieces.append(message.get("body", b""))
                    size += len(pieces[-1])
                    if size > self._rules.max_body_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            text = f"the body did not arrive within {self._rules.patience_s:g} s"
            raise ProblemError(408, "The client is too slow", text, headers={"Connection": "close"}) from None
        body = b"".join(pieces)
        if body and "json" in _header(request, b"content-type"):
            trouble = await asyncio.to_thread(_trouble, body) if size > _AT_ONCE else _trouble(body)
            if trouble:
                raise ProblemError(400, _BAD_REQUEST, trouble)
        return body

    def _too_large(self) -> ProblemError:
        return ProblemError(
            413,
            "The request is too large",
            f"a body may have {self._rules.max_body_bytes} bytes: put long texts into files beside the pipeline, or "
            "raise --runner-max-body-bytes / QUARTERDECK_RUNNER_MAX_BODY_BYTES",
            headers={"Connection": "close"},
        )


class _GoneError(Exception):
    """The client has gone away."""


def scope_of(method: str, path: str) -> Scope:
    """The scope that a request needs: reading, running, or what changes the runner itself."""
    path = path.rstrip("/")
    if method in _SAFE or path in _READ_BY_POST:
        return Scope.READ
    return Scope.ADMIN if any(path == room or path.startswith(f"{room}/") for room in _ADMIN) else Scope.RUN


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then what the client does next."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _header(request: Request, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in request["headers"] if key == name), "")


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _trouble(body: bytes) -> str:
    """Say what JSON this is that cannot be stored and given back; an empty text if it can, or if it is no JSON."""
    try:
        value = json.loads(body)
    except RecursionError:
        return f"the JSON is nested deeper than {_MAX_DEPTH} levels"
    except ValueError:
        return ""  # said better by whoever reads it for what it is
    return next(_troubles(value), "")


def _troubles(top: Any) -> Iterator[str]:
    waiting = [(top, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            yield f"the JSON is nested deeper than {_MAX_DEPTH} levels"
        elif isinstance(value, dict):
            waiting += [(each, depth + 1) for each in value.values()] + [(key, depth) for key in value]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, str) and _SURROGATE.search(value):
            yield "a text holds a NUL character or half of a surrogate pair"
        elif isinstance(value, float) and not math.isfinite(value):
            yield "a number is infinite or none at all"
