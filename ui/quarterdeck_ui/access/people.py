"""People and what they may do; those of the password file, with their passwords hashed at rest."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from quarterdeck import files

SHORTEST_PASSWORD: Final = 10

_COST: Final = {"n": 2**14, "r": 8, "p": 5, "maxmem": 64 << 20}
"""Of scrypt: 16 MiB and some 0.2 s, as OWASP's password storage cheat sheet asks for."""

_DECOY: Final = (b"nobody has this salt", b"")


class Role(StrEnum):
    """What someone may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who came in."""

    name: str
    role: Role

    @property
    def may_steer(self) -> bool:
        """Whether this person may start, pause, resume, cancel and retry runs."""
        return self.role is Role.OPERATOR


class PeopleError(Exception):
    """The password file cannot be used or changed so; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the password file; salt and hash in base64."""

    name: str
    role: str
    salt: str
    hash: str


class PasswordFile:
    """Names, roles and hashed passwords, a JSON object a line; changes are seen at the next look.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] = (0, 0)
        self._entries: dict[str, Entry] = {}

    def entries(self) -> dict[str, Entry]:
        """Everyone by name.

        Raises:
            PeopleError: The file is not readable, or holds something else.
        """
        try:
            stat = self.path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                lines = self.path.read_text("utf-8").splitlines()
                entries = [Entry(**json.loads(line)) for line in lines if line.strip()]
                self._entries = {entry.name: entry for entry in entries}
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            self._entries, self._seen = {}, (0, 0)
        except (OSError, ValueError, TypeError) as error:
            raise PeopleError(f"{self.path} cannot be read: {error}") from error
        return self._entries

    def check(self, name: str, password: str) -> Entry | None:
        """The entry of this name if the password is right; a wrong name takes as long as a wrong password."""
        entry = self.entries().get(name)
        salt, expected = (_bytes(entry.salt), _bytes(entry.hash)) if entry else _DECOY
        return entry if hmac.compare_digest(_hash(password, salt), expected) else None

    def add(self, name: str, role: Role, password: str) -> None:
        """Add someone, or change the role and the password.

        Raises:
            PeopleError: The password is too short, or the file cannot be written.
        """
        if len(password) < SHORTEST_PASSWORD:
            raise PeopleError(f"a password needs at least {SHORTEST_PASSWORD} characters")
        salt = secrets.token_bytes(16)
        entry = Entry(name, str(role), _text(salt), _text(_hash(password, salt)))
        self._write({**self.entries(), name: entry})

    def remove(self, name: str) -> None:
        """Let someone in no more.

        Raises:
            PeopleError: There is nobody of that name, or the file cannot be written.
        """
        if name not in self.entries():
            raise PeopleError(f"there is nobody called {name}")
        self._write({each: entry for each, entry in self.entries().items() if each != name})

    def _write(self, entries: dict[str, Entry]) -> None:
        text = "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries.values())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self.path, text.encode())
        except OSError as error:
            raise PeopleError(f"{self.path} cannot be written: {error.strerror}") from error


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
