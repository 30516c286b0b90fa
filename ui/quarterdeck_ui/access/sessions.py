"""Signed cookies that say who logged in; those of a password end with its change, all of them after a while."""

import contextlib
import hashlib
import os
import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final, Protocol

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from quarterdeck_ui.access.people import Entry, PasswordFile, Person, Role

COOKIE: Final = "quarterdeck_session"
PASSWORD_S: Final = 7 * 86_400


class Sessions(Protocol):
    """Knows who is behind a cookie."""

    def person(self, cookies: str) -> Person | None:
        """Who sends this ``Cookie`` header; None if nobody who is still let in.

        Raises:
            PeopleError: It cannot be told now.
        """


class SignedCookie:
    """A value in the browser that only this dashboard can have written.

    Args:
        secret: Key that it is signed with.
        kind: Way of the login: a cookie of another way is none.
        longest_s: Seconds that it holds.
    """

    def __init__(self, secret: str, kind: str, longest_s: int) -> None:
        self._longest_s = longest_s
        self._signer = URLSafeTimedSerializer(secret, salt=f"{COOKIE} {kind}")

    def write(self, value: Any, request: Request, response: Response) -> None:
        """Give the cookie to whom the response goes."""
        response.set_cookie(
            COOKIE,
            str(self._signer.dumps(value)),
            max_age=self._longest_s,
            httponly=True,
            samesite="lax",
            secure=came_over_tls(request),
        )

    def read(self, cookies: str) -> Any:
        """The value in a ``Cookie`` header; None if there is none, or one that was not written here or is too old."""
        jar: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            jar.load(cookies)
        if COOKIE not in jar:
            return None
        try:
            return self._signer.loads(jar[COOKIE].value, max_age=self._longest_s)
        except BadSignature:
            return None


class PasswordSessions:
    """Cookies of people who came in with a password.

    Args:
        people: Password file.
        secret: Key that cookies are signed with.
    """

    def __init__(self, people: PasswordFile, secret: str) -> None:
        self._people = people
        self._cookie = SignedCookie(secret, "password", PASSWORD_S)

    def begin(self, entry: Entry, request: Request, response: Response) -> None:
        """Let the browser of someone who has just logged in remember it."""
        self._cookie.write([entry.name, _mark(entry)], request, response)

    def person(self, cookies: str) -> Person | None:
        """Who sends this ``Cookie`` header; None if nobody who is still let in.

        Raises:
            PeopleError: The password file cannot be read.
        """
        name, mark = self._cookie.read(cookies) or ("", "")
        entry = self._people.entries().get(name)
        return Person(entry.name, Role(entry.role)) if entry and _mark(entry) == mark else None


def forget(response: Response) -> None:
    """Take the cookie away from whom the response goes to."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")


def came_over_tls(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to the proxy in front."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def secret_of(path: Path) -> str:
    """The key that cookies are signed with, of a file that is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text("ascii")


def _mark(entry: Entry) -> str:
    """What changes with the password."""
    return hashlib.sha256(f"{entry.salt} {entry.hash}".encode()).hexdigest()[:16]
