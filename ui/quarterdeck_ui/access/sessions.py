"""Signed cookies that say who logged in; they end with a change of the password, or after a week."""

import contextlib
import hashlib
import os
import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from quarterdeck_ui.access.people import Entry, PasswordFile, Person, Role

COOKIE: Final = "quarterdeck_session"
LONGEST_S: Final = 7 * 86_400


class Sessions:
    """Makes and reads cookies.

    Args:
        people: Password file.
        secret: File of the key that cookies are signed with; made if missing.
    """

    def __init__(self, people: PasswordFile, secret: Path) -> None:
        self._people = people
        self._signer = URLSafeTimedSerializer(_secret(secret), salt=COOKIE)

    def cookie(self, entry: Entry) -> str:
        """Value of the cookie of someone who has just logged in."""
        return str(self._signer.dumps([entry.name, _mark(entry)]))

    def person(self, cookies: str) -> Person | None:
        """Who sends this ``Cookie`` header; None if nobody who is still let in.

        Raises:
            PeopleError: The password file cannot be read.
        """
        jar: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            jar.load(cookies)
        if COOKIE not in jar:
            return None
        try:
            name, mark = self._signer.loads(jar[COOKIE].value, max_age=LONGEST_S)
        except (BadSignature, ValueError, TypeError):
            return None
        entry = self._people.entries().get(name)
        return Person(entry.name, Role(entry.role)) if entry and _mark(entry) == mark else None


def _mark(entry: Entry) -> str:
    """What changes with the password."""
    return hashlib.sha256(f"{entry.salt} {entry.hash}".encode()).hexdigest()[:16]


def _secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text("ascii")
