"""Who may do what: bearer tokens in a file of the data directory, for all services that share it.

A token is 32 random bytes, so the file keeps a plain SHA-256 of each: a slow hash protects what can be guessed, and
here there is nothing to guess; it would only cost every request its time.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from quarterdeck.files import replace, sole_writer
from quarterdeck.serving import new_token

TOKEN_FILE: Final = "tokens.json"  # noqa: S105 - the name of a file
"""In the data directory."""

SHORTEST: Final = 32
"""Characters of a token that somebody chose: nobody can guess it."""

_ENDING: Final = 4
_ASK: Final = "a token is needed: send 'Authorization: Bearer TOKEN', or the token as the password"

log = logging.getLogger("quarterdeck.tokens")


class Scope(StrEnum):
    """What a token is good for."""

    INGEST = "ingest"
    """OTLP in."""
    READ = "read"
    """Queries, live events, counters; lists of runs and pipelines."""
    RUN = "run"
    """Start and steer runs, and what ``read`` opens."""
    ADMIN = "admin"
    """Everything."""


class TokenError(Exception):
    """A token cannot be made or found; the message says why."""


class DeniedError(Exception):
    """A request that may not pass.

    Args:
        text: What is missing and what to do.
        known: Whether it carries a token that is known here, and only its scope is too small.
    """

    def __init__(self, text: str, *, known: bool = False) -> None:
        super().__init__(text)
        self.known = known


@dataclass(frozen=True)
class Token:
    """What is kept of a token: enough to recognise it, not to use it."""

    name: str
    scopes: tuple[str, ...]
    created: str
    digest: str
    ending: str

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes or (scope == Scope.READ and Scope.RUN in self.scopes)


def digest_of(token: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def _same(tokens: Sequence[Token], name: str, scopes: Sequence[Scope], token: str) -> bool:
    known = next((each for each in tokens if each.name == name), None)
    return known is not None and (known.digest, known.scopes) == (digest_of(token), tuple(map(str, scopes)))


def _internal(name: str, token: str, *scopes: Scope) -> Token:
    return Token(name, scopes, "", digest_of(token), "")


class TokenFile:
    """The tokens on disk.

    Args:
        path: JSON file; made with the first token.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Token]:
        """Give all tokens, oldest first.

        Raises:
            TokenError: If the file is damaged or cannot be read.
        """
        try:
            listed = json.loads(self.path.read_bytes())["tokens"]
            return [Token(**{**fields, "scopes": tuple(fields["scopes"])}) for fields in listed]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TokenError(f"{self.path} cannot be read ({error}); remove it and create the tokens anew") from error

    def create(self, name: str, scopes: Sequence[Scope], chosen: str = "") -> str:
        """Add a token and give it: the only time that anybody sees it.

        Args:
            name: Tells it from the others.
            scopes: What it is good for.
            chosen: The token, where something else made it, such as the secret store of a cluster; to add the same
                again changes nothing.

        Raises:
            TokenError: If there is another one of that name, the chosen one is too short, or the file cannot be read
                or written.
        """
        if chosen and len(chosen) < SHORTEST:
            raise TokenError(f"a token needs at least {SHORTEST} characters")
        token = chosen or new_token()
        with self._changing() as tokens:
            if _same(tokens, name, scopes, token):
                return token
            if any(known.name == name for known in tokens):
                raise TokenError(f"there is a token named {name!r}; choose another name or revoke it first")
            created = datetime.now(UTC).isoformat(timespec="seconds")
            tokens.append(Token(name, tuple(map(str, scopes)), created, digest_of(token), token[-_ENDING:]))
        return token

    def revoke(self, name: str) -> None:
        """Remove a token; whoever uses it is refused from now on.

        Raises:
            TokenError: If there is none of that name, or the file cannot be read or written.
        """
        with self._changing() as tokens:
            kept = [token for token in tokens if token.name != name]
            if len(kept) == len(tokens):
                names = ", ".join(token.name for token in tokens) or "none at all"
                raise TokenError(f"there is no token named {name!r}; there are: {names}")
            tokens[:] = kept

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """Lend the tokens for a change, one process at a time, and replace the file in one step."""
        try:
            with sole_writer(self.path.parent):
                tokens = self.read()
                yield tokens
                replace(self.path, json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=1).encode())
        except OSError as error:
            raise TokenError(f"{self.path} cannot be written: {error.strerror}") from error


class Tokens:
    """Checks requests against a token file; notices its changes by itself.

    Without any token a service that only this machine can reach lets everybody in; one that others can reach, nobody.

    Args:
        path: The token file.
        local: Whether only this machine can reach the service.
        siblings: A token of this start for services that were started together; empty for none.
        opens: What that token is good for.
    """

    def __init__(
        self, path: Path, *, local: bool, siblings: str = "", opens: Sequence[Scope] = (Scope.INGEST, Scope.READ)
    ) -> None:
        self._file = TokenFile(path)
        self._path = str(path)
        self._local = local
        self.own = new_token()
        """A token of this start for everything; :func:`quarterdeck.serving.owner_of` gives it to command-line tools."""
        self._own = [_internal("own", self.own, Scope.ADMIN)]
        if siblings:
            self._own.append(_internal("siblings", siblings, *opens))
        self._seen: tuple[int, ...] | None = None
        self._tokens: list[Token] = []
        self._trouble = ""

    @property
    def usable(self) -> bool:
        """Whether anybody has a token at the moment."""
        self._refresh()
        return bool(self._tokens)

    def check(self, authorization: str, scope: Scope) -> str:
        """Let a request pass, judged by its ``Authorization``.

        Args:
            authorization: ``Bearer TOKEN`` or ``Basic USER:TOKEN`` (base64); empty if there is none.
            scope: What the request needs.

        Returns:
            Name of its token; empty where none is needed.

        Raises:
            DeniedError: If it may not.
        """
        return self.check_token(token_in(authorization), scope)

    def check_token(self, token: str, scope: Scope) -> str:
        """Let a request pass, judged by a token that came some other way.

        Returns:
            Name of the token; empty where none is needed.

        Raises:
            DeniedError: If it may not.
        """
        self._refresh()
        if self._local and not self._tokens and not self._trouble:
            return ""
        if self._trouble:
            raise DeniedError(f"no token can be checked: {self._trouble}")
        if not token:
            raise DeniedError(_ASK)
        digest = digest_of(token)
        known = [each for each in (*self._tokens, *self._own) if hmac.compare_digest(each.digest, digest)]
        if not known:
            raise DeniedError("this token is unknown here, or was revoked")
        if not known[0].allows(scope):
            raise DeniedError(f"this needs a token of scope {scope}, not {', '.join(known[0].scopes)}", known=True)
        return known[0].name

    def _refresh(self) -> None:
        try:
            state = os.stat(self._path)  # noqa: PTH116 - of every request: half the time of Path.stat
            seen: tuple[int, ...] = (state.st_mtime_ns, state.st_ino, state.st_size)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._tokens, self._trouble = self._file.read(), ""
        except TokenError as error:
            self._tokens, self._trouble = [], str(error)
            log.error("nobody is let in: %s", error)  # noqa: TRY400 - one line for a person


def token_in(authorization: str) -> str:
    """Give the token of an ``Authorization`` header; drivers that know only passwords send it as one."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
    return ""
