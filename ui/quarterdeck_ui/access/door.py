"""Looks at every request and WebSocket before anything else does: by which name it comes, and from whom."""

import ipaddress
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quarterdeck.serving import is_loopback
from quarterdeck_ui.access.members import EVERYBODY, Members, listed
from quarterdeck_ui.access.people import PeopleError, Person, Role
from quarterdeck_ui.access.sessions import Sessions
from quarterdeck_ui.settings import Settings

LOGIN: Final = "/login"
OPEN: Final = frozenset({"/healthz", "/readyz", LOGIN, f"{LOGIN}/callback"})
"""Paths that need no person: probes ask without one."""

_LOOK_AGAIN_S: Final = 5.0
_POLICY_VIOLATION: Final = 1008
_ANYBODY: Final = Person("", Role.OPERATOR)


class Access:
    """Knows who is behind a request.

    Args:
        settings: Which way people log in.
        sessions: Knows them by their cookies, if they get any.
    """

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        self.settings = settings
        self.sessions = sessions
        self._of_proxy = Members(listed(settings.ui_operators), {EVERYBODY})
        self._proxies = [ipaddress.ip_network(each) for each in settings.ui_trusted_proxies.replace(",", " ").split()]

    def person(self, headers: Mapping[str, str]) -> Person | None:
        """Who sends these headers; those of a proxy must have come from one.

        Args:
            headers: Of a request, with names in whatever case.

        Raises:
            PeopleError: The password file cannot be read.
        """
        if self.sessions is not None:
            return self.sessions.person(headers.get("cookie") or headers.get("Cookie") or "")
        if self.settings.ui_login == "proxy":
            wanted = self.settings.ui_user_header.lower()
            name = next((value for key, value in headers.items() if key.lower() == wanted), "").strip()
            role = self._of_proxy.role(self._of_proxy.entries(name))
            return Person(name, role) if name and role else None
        return _ANYBODY

    def is_proxy(self, address: str) -> bool:
        """Whether the header with the user's name may be believed when it comes from there."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def knows_host(self, host: str) -> bool:
        """Whether the dashboard goes by this name: a page elsewhere can point a name of its own at this machine."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        names = self.settings.ui_hosts.replace(",", " ").split()
        if not names and not is_loopback(self.settings.host):
            return True
        return name in names or is_loopback(name.strip("[]"))


class Door:
    """ASGI middleware: lets in who may come in, and sends browsers to the login page.

    Args:
        app: What is behind the door.
        access: Who may come in.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send if scope["type"] == "http" else self._watched(scope, send))
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "log in first"})

    def _watched(self, scope: Scope, send: Send) -> Send:
        """A WebSocket stays open for hours: who is let in no more meanwhile is told nothing more."""
        looked = time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal looked
            if message["type"] == "websocket.send" and time.monotonic() - looked > _LOOK_AGAIN_S:
                looked = time.monotonic()
                if self._refusal(scope) is not None:
                    await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "log in again"})
                    raise OSError("let in no more")  # as for a client that has gone
            await send(message)

        return watched

    def _refusal(self, scope: Scope) -> Response | None:
        headers, access = Headers(scope=scope), self._access
        if not access.knows_host(headers.get("host", "")):
            text = "the dashboard does not go by this name; QUARTERDECK_UI_HOSTS lists those that it goes by\n"
            return PlainTextResponse(text, 421)
        client: Any = scope.get("client") or ("",)
        if scope["path"] in OPEN:
            return None
        if access.settings.ui_login == "proxy" and not access.is_proxy(client[0]):
            return PlainTextResponse("this dashboard is reached through its proxy only\n", 403)
        try:
            return None if access.person(headers) else self._stranger(scope, headers)
        except PeopleError as error:
            return PlainTextResponse(f"{error}\n", 503)

    def _stranger(self, scope: Scope, headers: Headers) -> Response:
        if self._access.sessions is None:
            header = self._access.settings.ui_user_header
            return PlainTextResponse(f"the proxy did not say who is asking ({header})\n", 401)
        if scope.get("method") == "GET" and "text/html" in headers.get("accept", ""):
            place = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
            return RedirectResponse(f"{LOGIN}?next={quote(place, safe='')}", 303)
        return PlainTextResponse("log in first\n", 401)
