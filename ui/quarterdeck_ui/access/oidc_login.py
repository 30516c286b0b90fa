"""The login at an OpenID Connect provider: its routes, and the cookies of those who came in."""

import html
import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from quarterdeck_ui.access.door import LOGIN, Access
from quarterdeck_ui.access.members import Members
from quarterdeck_ui.access.oidc import LoginError, Provider, Vouched
from quarterdeck_ui.access.page import page, place
from quarterdeck_ui.access.people import Person
from quarterdeck_ui.access.sessions import SignedCookie, came_over_tls, forget

VOUCHED_S: Final = 12 * 3600
"""How long the provider's word is taken; then it is asked again."""

_CALLBACK: Final = f"{LOGIN}/callback"
_UNDER_WAY_S: Final = 600
_LOG = logging.getLogger("quarterdeck.ui")


class OidcSessions:
    """Cookies of people whom the provider vouched for; who is struck off the lists is out at once.

    Args:
        members: Who may come in, and as what.
        secret: Key that cookies are signed with.
    """

    def __init__(self, members: Members, secret: str) -> None:
        self._members = members
        self._cookie = SignedCookie(secret, "oidc", VOUCHED_S)

    def begin(self, vouched: Vouched, request: Request, response: Response) -> bool:
        """Let the browser remember who has just come in; False if the lists do not name them."""
        entries = self._members.entries(vouched.name, vouched.groups)
        if self._members.role(entries) is None:
            return False
        self._cookie.write([vouched.name, entries], request, response)
        return True

    def person(self, cookies: str) -> Person | None:
        """Who sends this ``Cookie`` header; None if nobody who is still let in."""
        name, entries = self._cookie.read(cookies) or ("", [])
        role = self._members.role(entries)
        return Person(name, role) if role else None


class OidcLogin:
    """Sends people to the provider and takes them in when they come back.

    Args:
        access: Who may come in.
        provider: Where they log in.
        sessions: Cookies of those who came in.
        secret: Key that the cookie of a login under way is signed with.
    """

    def __init__(self, access: Access, provider: Provider, sessions: OidcSessions, secret: str) -> None:
        self._access, self._provider, self._sessions, self._secret = access, provider, sessions, secret

    def routes(self) -> list[Route]:
        """``/login``, ``/login/callback`` and ``/logout``."""
        under_way = Middleware(
            SessionMiddleware,
            secret_key=self._secret,
            session_cookie="quarterdeck_login",
            max_age=_UNDER_WAY_S,
            same_site="lax",
        )
        return [
            Route(LOGIN, self._enter, middleware=[under_way]),
            Route(_CALLBACK, self._return, middleware=[under_way]),
            Route("/logout", self._leave, methods=["POST"], middleware=[under_way]),
        ]

    async def _enter(self, request: Request) -> Response:
        """With a place to go to on to the provider at once; otherwise, as after a logout, only when asked."""
        wanted = place(request.query_params.get("next", ""))
        if self._access.person(request.headers) is not None:
            return RedirectResponse(wanted, 303)
        if "next" not in request.query_params:
            return self._page()
        request.session["place"] = wanted
        try:
            return await self._provider.send_to_login(request, _here(request, _CALLBACK))
        except LoginError as error:
            return self._refused(error, wanted)

    async def _return(self, request: Request) -> Response:
        wanted = place(str(request.session.get("place", "")))
        answer = RedirectResponse(wanted, 303)
        try:
            name = await self._take_in(request, answer)
        except LoginError as error:
            came_in = self._access.person(request.headers) is not None  # in another tab, meanwhile
            return answer if came_in else self._refused(error, wanted)
        request.session.clear()
        _LOG.info("%s came in by way of %s", name, self._provider.issuer)
        return answer

    async def _take_in(self, request: Request, answer: Response) -> str:
        vouched = await self._provider.vouched(request)
        if not self._sessions.begin(vouched, request, answer):
            lists = "QUARTERDECK_UI_VIEWERS and QUARTERDECK_UI_OPERATORS say who may come in"
            raise LoginError(f"You are {vouched.name}, and no list names you: {lists}.", 403)
        return vouched.name

    async def _leave(self, request: Request) -> Response:
        answer = await self._provider.send_to_logout(request, _here(request, LOGIN)) or RedirectResponse(LOGIN)
        answer.status_code = 303  # a form came, a page is wanted
        forget(answer)
        request.session.clear()
        return answer

    def _refused(self, error: LoginError, wanted: str) -> Response:
        _LOG.warning("nobody came in: %s", error)
        return self._page(str(error), wanted, error.status)

    def _page(self, problem: str = "", wanted: str = "/", status: int = 200) -> Response:
        where = html.escape(urlsplit(self._provider.issuer).netloc)
        inside = (
            f'<p>You log in at {where}.</p><input type="hidden" name="next" value="{html.escape(wanted, quote=True)}">'
            "<button autofocus>Log in</button>"
        )
        return page(f'method="get" action="{LOGIN}"', inside, problem, status)


def _here(request: Request, path: str) -> str:
    """An address of this dashboard as the browser knows it."""
    return str(request.url.replace(scheme="https" if came_over_tls(request) else "http", path=path, query=""))
