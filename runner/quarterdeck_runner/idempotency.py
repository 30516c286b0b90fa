"""The same POST sent twice is done once: ``Idempotency-Key``, as the IETF draft and Stripe have it.

Only answers that something was done are kept. A refusal has changed nothing, so the next attempt is judged anew.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from quarterdeck_runner import problems
from quarterdeck_runner.doors import ACTOR, BODY
from quarterdeck_runner.problems import ProblemError
from quarterdeck_runner.request_store import CURRENT, Claim, InFlightError, Kept, OtherRequestError, Requests

HEADER: Final = "idempotency-key"
REPLAYED: Final = "Idempotency-Replayed"

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}\Z")
_KEPT_HEADERS: Final = ("content-type", "location", "etag")
_TITLE: Final = "The idempotency key cannot be used"


class Idempotency:
    """ASGI middleware that gives a request with a key the answer of its first success.

    Args:
        app: the interface.
        requests: gives the place where requests are kept; once the runner has started.
    """

    def __init__(self, app: ASGIApp, requests: Callable[[], Requests]) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Serve one request."""
        key = Headers(scope=request).get(HEADER) if request["type"] == "http" and request["method"] == "POST" else None
        if key is None:
            await self._app(request, receive, send)
            return
        try:
            answer = await self._once(key, request, receive)
        except ProblemError as error:
            answer = problems.response(error)
        await answer(request, receive, send)

    async def _once(self, key: str, request: Request, receive: Receive) -> Response:
        if not _KEY.match(key):
            raise ProblemError(400, _TITLE, "an idempotency key has 1 to 255 visible ASCII characters")
        actor, requests = request.get(ACTOR, ""), self._requests()
        try:
            found = await asyncio.to_thread(requests.claim, actor, key, _fingerprint(request))
        except OtherRequestError:
            text = "this idempotency key was used for another request: send a new key with a new request"
            raise ProblemError(422, _TITLE, text) from None
        except InFlightError:
            text = "the first request with this idempotency key is still being worked on: ask again in a moment"
            raise ProblemError(409, _TITLE, text, headers={"Retry-After": "1"}) from None
        if isinstance(found, Kept):
            return Response(found.body, found.status, {**dict(found.headers), REPLAYED: "true"})
        return await self._work(found, actor, key, request, receive)

    async def _work(self, found: Claim, actor: str, key: str, request: Request, receive: Receive) -> Response:
        token, recorder = CURRENT.set(found), _Recorder()
        try:
            await self._app(request, receive, recorder.send)
        except Exception:
            await asyncio.to_thread(self._requests().forget, actor, key)
            raise
        finally:
            CURRENT.reset(token)
        if recorder.done_something:
            await asyncio.to_thread(self._requests().finish, actor, key, recorder.kept())
        else:
            await asyncio.to_thread(self._requests().forget, actor, key)
        return recorder.response()


class _Recorder:
    """Takes an answer instead of the client."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._body.append(message.get("body", b""))

    @property
    def done_something(self) -> bool:
        """Whether the request was a success."""
        return 200 <= self._status < 300  # noqa: PLR2004 - classes of HTTP

    def kept(self) -> Kept:
        """What is kept of the answer."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers]
        wanted = [pair for pair in headers if pair[0].lower() in _KEPT_HEADERS]
        return Kept(self._status, wanted, b"".join(self._body).decode())

    def response(self) -> Response:
        """The answer as it was."""
        response = Response(b"".join(self._body), self._status)
        response.raw_headers = self._headers
        return response


def _fingerprint(request: Request) -> str:
    what = "\n".join((request["method"], request["path"], request["query_string"].decode("latin-1")))
    return hashlib.sha256(what.encode() + b"\n" + request.get(BODY, b"")).hexdigest()
