"""The login page and its two routes; nothing on it comes from anywhere else."""

import asyncio
import html
import time
from collections import OrderedDict
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from quarterdeck_ui.access.door import LOGIN, Access
from quarterdeck_ui.access.people import PeopleError
from quarterdeck_ui.access.sessions import COOKIE, LONGEST_S

_TRIES: Final = 5
_WINDOW_S: Final = 60.0
_KNOWN: Final = 10_000

_PAGE: Final = Template(Path(__file__).with_name("login.html").read_text("utf-8"))


class Login:
    """Lets people in by name and password; five wrong tries a minute from one address, and it makes them wait.

    Args:
        access: Who may come in; its sessions are those of the password file.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def routes(self) -> list[Route]:
        """``/login`` and ``/logout``."""
        return [
            Route(LOGIN, self._show),
            Route(LOGIN, self._enter, methods=["POST"]),
            Route("/logout", _leave, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        if self._access.person(request.headers) is not None:
            return RedirectResponse("/", 303)
        return _page()

    async def _enter(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        if not _same_origin(request):
            return _page("This page was opened from elsewhere; log in here.", status=403)
        if self._is_hasty(address):
            return _page("Too many wrong tries; wait a minute.", status=429)
        form = await request.form()
        name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))[:1000]
        try:
            entry = await asyncio.to_thread(self._access.people.check, name, password)
        except PeopleError as error:
            return _page(str(error), name, 503)
        sessions = self._access.sessions
        if entry is None or sessions is None:
            self._failures.setdefault(address, []).append(time.monotonic())
            return _page("Name or password is wrong.", name, 401)
        self._failures.pop(address, None)
        answer = RedirectResponse(_place(request.query_params.get("next", "")), 303)
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(
            COOKIE, sessions.cookie(entry), max_age=LONGEST_S, httponly=True, samesite="lax", secure=secure
        )
        return answer

    def _is_hasty(self, address: str) -> bool:
        since = time.monotonic() - _WINDOW_S
        recent = [at for at in self._failures.get(address, []) if at > since]
        if recent:
            self._failures[address] = recent
        else:
            self._failures.pop(address, None)
        while len(self._failures) > _KNOWN:
            self._failures.popitem(last=False)
        return len(recent) >= _TRIES


async def _leave(_request: Request) -> Response:
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def _page(problem: str = "", name: str = "", status: int = 200) -> Response:
    said = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}
    return HTMLResponse(_PAGE.substitute(problem=said, name=html.escape(name, quote=True)), status, headers)


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _place(wanted: str) -> str:
    """Where to go after the login: a path of this server, whatever a link says."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path else "/"
