"""HTTP to the services of a collector: its token, no detours, and one kind of failure."""

import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import requests

from quarterdeck.otlp_target import bearer, shown
from quarterdeck.serving import is_loopback

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
REFUSED: Final = 400

_CONNECT_S: Final = 5.0
_SAID: Final = re.compile(r"(?:\"message\": *\"|Exception: )([^\"(]{1,300})(?:\"| \()")
_ASK: Final = (
    "Where it runs, 'quarterdeck token create --name me --scope read' makes a token; set QUARTERDECK_TOKEN to it"
)
_CAUSE: Final = re.compile(r"\[Errno -?\d+\] ([^'\")]+)|(Read timed out|timed out)")


class AwayError(Exception):
    """A service does not answer; the message says where and why."""


class DeniedError(Exception):
    """A service wants a token, or another one; the message says what to do."""


class Web:
    """One service.

    Args:
        url: its base URL, with ``user:password@`` where it wants them.
        token: for a collector that asks for one.
        timeout_s: seconds that the service may be silent.
    """

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise AwayError(f"{shown(url)!r} is no http(s) URL")
        self.place = shown(url)
        """Its URL, without credentials."""
        self._credentials = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._headers = {} if parts.username else bearer(token)
        self._timeout = (_CONNECT_S, timeout_s)
        self._session = requests.Session()
        # A proxy of the environment cannot reach this machine's own services.
        self._session.trust_env = not is_loopback(parts.hostname)

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        """Ask, and give the answer as soon as its headers are there; the caller closes it.

        Args:
            method: HTTP method.
            path: behind the base URL.
            headers: further headers.
            more: what else :meth:`requests.Session.request` takes.

        Raises:
            AwayError: nobody answers.
            DeniedError: the answer is 401 or 403, and not ClickHouse's.
        """
        try:
            answer = self._session.request(
                method,
                self.place.rstrip("/") + path,
                headers={"user-agent": "quarterdeck", **self._headers, **(headers or {})},
                auth=self._credentials if any(self._credentials) else _as_it_is,
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
                **more,
            )
        except (requests.RequestException, OSError) as error:
            raise AwayError(f"{self.place} does not answer ({cause(error)})") from error
        if answer.status_code == UNAUTHORIZED or (
            answer.status_code == FORBIDDEN and "x-clickhouse-exception-code" not in answer.headers
        ):
            raise DeniedError(self._refusal(answer))
        return answer

    def _refusal(self, answer: requests.Response) -> str:
        with answer:
            found = _SAID.search(answer.text)
        return f"{self.place}: {found[1] if found else f'HTTP {answer.status_code}'}. {_ASK}"


def _as_it_is(request: Any) -> Any:
    """Keep requests from looking for a password in a .netrc file."""
    return request


def cause(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    found = _CAUSE.search(str(error))
    if found:
        return (found[1] or found[2]).strip().lower()
    return "timed out" if isinstance(error, requests.Timeout) else type(error).__name__
