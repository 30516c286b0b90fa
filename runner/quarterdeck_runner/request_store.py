"""Requests with an idempotency key, kept in the runner's database: what they asked, and what they were answered."""

import json
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.execution import new_run_id
from quarterdeck_runner.database import Tables

KEPT_S: Final = 24 * 3600
"""How long an answer is kept."""

LONGEST_S: Final = 60
"""After this time nobody works on a request any more: a crash of the runner left it open."""


class OtherRequestError(Exception):
    """The key was used for another request."""


class InFlightError(Exception):
    """The first request with this key is being worked on."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a request.

    Args:
        reserved: id for what the request makes, the same at every attempt.
        again: whether an attempt was cut off before: the thing may be there already.
    """

    reserved: str
    again: bool


@dataclass(frozen=True)
class Kept:
    """An answer from before."""

    status: int
    headers: list[tuple[str, str]]
    body: str


CURRENT: ContextVar[Claim | None] = ContextVar("quarterdeck_claim", default=None)


def claim() -> Claim | None:
    """The claim of the request that is being worked on, if it has a key: its ``reserved`` id is for what it makes."""
    return CURRENT.get()


def reserved() -> str:
    """Id for what the request makes; empty for one of its own."""
    found = claim()
    return found.reserved if found is not None else ""


class Requests:
    """Requests in SQLite or Postgres; every method blocks for a moment and is safe in threads.

    Args:
        url: as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self._local = url.startswith("sqlite")
        self._tables = Tables(url, "idempotency.sql")
        self._owner = new_run_id()

    def open(self) -> None:
        """Make the table if it is not there; what an earlier process of a SQLite file left open can be taken up."""
        self._tables.open()
        if self._local:
            self._write("release")

    def close(self) -> None:
        """Give the connections back."""
        self._tables.close()

    def claim(self, actor: str, key: str, fingerprint: str) -> Claim | Kept:
        """Begin a request, or give the answer that it had before.

        Args:
            actor: whose key it is.
            key: the idempotency key.
            fingerprint: hash of what is asked for.

        Raises:
            OtherRequestError: the key was used for something else.
            InFlightError: somebody works on it.
        """
        now, reserved = time.time_ns(), new_run_id()
        self._write("expire", before=now - KEPT_S * 10**9)
        asked = {"actor": actor, "key": key, "owner": self._owner, "now": now}
        if self._write("begin", **asked, fingerprint=fingerprint, reserved=reserved):
            return Claim(reserved, again=False)
        rows = self._tables.read("get", actor=actor, key=key)
        if not rows:
            raise InFlightError  # it was given back this moment; the client comes again
        found = rows[0]
        if found["fingerprint"] != fingerprint:
            raise OtherRequestError
        if found["status"]:
            return Kept(found["status"], [tuple(pair) for pair in json.loads(found["headers"])], found["body"])
        if found["owner"] and now - found["created_ns"] < LONGEST_S * 10**9:
            raise InFlightError
        if not self._write("take_over", **asked, former=found["owner"], created_ns=found["created_ns"]):
            raise InFlightError
        return Claim(found["reserved"], again=True)

    def finish(self, actor: str, key: str, kept: Kept) -> None:
        """Keep an answer."""
        headers = json.dumps(kept.headers)
        given = {"actor": actor, "key": key, "owner": self._owner}
        self._write("finish", **given, status=kept.status, headers=headers, body=kept.body)

    def forget(self, actor: str, key: str) -> None:
        """Let the request be tried again: it has changed nothing."""
        self._write("forget", actor=actor, key=key, owner=self._owner)

    def _write(self, name: str, **values: Any) -> int:
        return self._tables.write(name, values)
