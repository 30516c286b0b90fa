"""The login by name and password: its page and its two routes."""

import asyncio
import html
import time
from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from quarterdeck_ui.access.door import LOGIN, Access
from quarterdeck_ui.access.page import is_same_origin, page, place
from quarterdeck_ui.access.people import PasswordFile, PeopleError
from quarterdeck_ui.access.sessions import PasswordSessions, forget

_TRIES: Final = 5
_WINDOW_S: Final = 60.0
_KNOWN: Final = 10_000

_FIELDS: Final = """<label>Name<input name="name" autocomplete="username" autofocus required value="{name}"></label>
  <label>Password<input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>"""


class Login:
    """Lets people in by name and password; five wrong tries a minute from one address, and it makes them wait.

    Args:
        access: Who may come in.
        people: Password file.
        sessions: Cookies of those who came in.
    """

    def __init__(self, access: Access, people: PasswordFile, sessions: PasswordSessions) -> None:
        self._access, self._people, self._sessions = access, people, sessions
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
        if not is_same_origin(request):
            return _page("This page was opened from elsewhere; log in here.", status=403)
        if self._is_hasty(address):
            return _page("Too many wrong tries; wait a minute.", status=429)
        form = await request.form()
        name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))[:1000]
        try:
            entry = await asyncio.to_thread(self._people.check, name, password)
        except PeopleError as error:
            return _page(str(error), name, 503)
        if entry is None:
            self._failures.setdefault(address, []).append(time.monotonic())
            return _page("Name or password is wrong.", name, 401)
        self._failures.pop(address, None)
        answer = RedirectResponse(place(request.query_params.get("next", "")), 303)
        self._sessions.begin(entry, request, answer)
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
    forget(answer)
    return answer


def _page(problem: str = "", name: str = "", status: int = 200) -> Response:
    return page('method="post"', _FIELDS.format(name=html.escape(name, quote=True)), problem, status)
