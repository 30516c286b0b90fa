"""What stands before both HTTP services: who may come in, and how long they may take to say what they want."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from quarterdeck.tokens import DeniedError, Scope, Tokens, token_in
from quarterdeck_collector.receive import otlp

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/ping"})
"""Answered without a token: they tell nothing but whether the collector works."""

_INGEST: Final = frozenset({"/v1/traces", "/v1/logs", "/v1/metrics"})
_READ: Final = frozenset({"/v1/live", "/v1/alerts", "/metrics"})
_CLICKHOUSE_CODES: Final = {
    otlp.UNAUTHENTICATED: (516, "AUTHENTICATION_FAILED"),
    otlp.PERMISSION_DENIED: (497, "ACCESS_DENIED"),
    otlp.DEADLINE_EXCEEDED: (209, "SOCKET_TIMEOUT"),
}


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the service's.

    Args:
        http: HTTP status.
        code: google.rpc.Status code.
        text: What is wrong and what to do.
    """

    http: int
    code: int
    text: str


@dataclass(frozen=True)
class Manners:
    """How one service is spoken to.

    Args:
        scope: The scope that a path needs.
        token: The token that a request carries.
        refuse: Writes a refusal as the clients of the service expect it.
    """

    scope: Callable[[str], Scope]
    token: Callable[[Request], str]
    refuse: Callable[[Request, Refusal], Response]


class Doors:
    """ASGI middleware that lets requests with the right token pass, if their bodies arrive in time.

    Args:
        app: The service.
        manners: How it is spoken to.
        tokens: Who may come in.
        patience: Seconds that a whole body may take.
    """

    def __init__(self, app: ASGIApp, manners: Manners, tokens: Tokens, patience: float) -> None:
        self._app = app
        self._manners = manners
        self._tokens = tokens
        self._patience = patience

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            self._admit(request)
        except DeniedError as error:
            refusal = Refusal(*otlp.denial(error), str(error))
            await self._manners.refuse(request, refusal)(request, receive, send)
            return
        await self._serve(request, receive, send)

    def _admit(self, request: Request) -> None:
        path = request["path"]
        if path not in OPEN_PATHS:
            self._tokens.check_token(self._manners.token(request), self._manners.scope(path))

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        body = _TimelyBody(receive, self._patience)

        async def send_unless_late(message: Message) -> None:
            if not body.late:
                body.answered = True
                await send(message)

        try:
            await self._app(request, body.receive, send_unless_late)
        except Exception:
            if not body.late:
                raise
        if body.late:
            text = f"the body did not arrive within {self._patience:g} s"
            refusal = self._manners.refuse(request, Refusal(408, otlp.DEADLINE_EXCEEDED, text))
            refusal.headers["Connection"] = "close"
            await refusal(request, receive, send)


class _TimelyBody:
    """A request's body; one that takes too long ends as if the client had gone away."""

    def __init__(self, receive: Receive, patience: float) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + patience
        self._whole = False
        self.answered = False
        self.late = False

    async def receive(self) -> Message:
        """Give the next piece."""
        if self._whole:
            return await self._receive()  # what comes now is the client's leaving, for which nobody hurries
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.late = not self.answered
            return {"type": "http.disconnect"}
        self._whole = not message.get("more_body", False)
        return message


def guard_otlp(app: ASGIApp, tokens: Tokens, patience: float, origins: list[str]) -> ASGIApp:
    """Put doors before the OTLP port.

    Args:
        app: The service.
        tokens: Who may come in.
        patience: Seconds that a whole body may take.
        origins: Web pages that may call it from a browser.
    """
    guarded = Doors(app, Manners(_otlp_scope, _header_token, _refuse_otlp), tokens, patience)
    if not origins:
        return guarded
    return CORSMiddleware(
        guarded, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"], allow_private_network=True
    )


def guard_clickhouse(app: ASGIApp, tokens: Tokens, patience: float) -> ASGIApp:
    """Put doors before the ClickHouse HTTP interface.

    Args:
        app: The service.
        tokens: Who may come in.
        patience: Seconds that a whole body may take.
    """
    return Doors(app, Manners(lambda _: Scope.READ, _clickhouse_token, _refuse_clickhouse), tokens, patience)


def _otlp_scope(path: str) -> Scope:
    path = path.rstrip("/")
    return Scope.INGEST if path in _INGEST else Scope.READ if path in _READ else Scope.ADMIN


def _header(request: Request, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in request["headers"] if key == name), "")


def _header_token(request: Request) -> str:
    return token_in(_header(request, b"authorization"))


def _clickhouse_token(request: Request) -> str:
    """Find the token where ClickHouse's clients put a password."""

    def places() -> Iterator[str]:
        yield _header_token(request)
        yield _header(request, b"x-clickhouse-key")
        yield parse_qs(request["query_string"].decode("latin-1")).get("password", [""])[0]

    return next(filter(None, places()), "")


def _refuse_otlp(request: Request, refusal: Refusal) -> Response:
    media = _header(request, b"content-type").partition(";")[0].strip().lower()
    media = otlp.PROTOBUF if request["path"].rstrip("/") in _INGEST and media != otlp.JSON else otlp.JSON
    body = otlp.encode(otlp.status(refusal.code, refusal.text), media)
    return Response(body, refusal.http, _challenge(refusal, "Bearer"), media)


def _refuse_clickhouse(_: Request, refusal: Refusal) -> Response:
    code, name = _CLICKHOUSE_CODES[refusal.code]
    headers = {"X-ClickHouse-Exception-Code": str(code), **_challenge(refusal, "Basic")}
    return PlainTextResponse(f"Code: {code}. DB::Exception: {refusal.text} ({name})\n", refusal.http, headers)


def _challenge(refusal: Refusal, scheme: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'{scheme} realm="quarterdeck"'} if refusal.code == otlp.UNAUTHENTICATED else {}
