"""What people save through the dashboard: kept by the collector, read and changed over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

_ANSWER_S: Final = 10.0
_PRECONDITION_FAILED: Final = 412


class SavedError(Exception):
    """Something could not be read or saved; the message says why, in words for the screen."""


class ConflictError(SavedError):
    """Somebody else has changed the object meanwhile."""


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One object with the version that a change of it must name."""

    kind: str
    id: str
    body: dict[str, Any]
    version: int


class Saved:
    """Reads and changes saved objects; safe to use from several threads.

    Args:
        collector: Address of the collector.
        token: One of scope ``admin``, where the collector asks for it.
    """

    def __init__(self, collector: str, token: str = "") -> None:
        self._url = collector.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(timeout=_ANSWER_S, trust_env=False, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def all(self, kind: str) -> list[SavedObject]:
        """Every object of a kind by id.

        Raises:
            SavedError: The collector does not answer or refuses.
        """
        return [SavedObject(**each) for each in self.ask("GET", f"saved/{quote(kind, safe='')}")["objects"]]

    def put(self, kind: str, object_id: str, body: Mapping[str, Any], expected: int | None = None) -> int:
        """Save an object and give its version.

        Args:
            kind: Lower-case letters and ``_``.
            object_id: Letters, digits and ``_.-``.
            body: What is saved as JSON.
            expected: Version that it replaces, 0 for a new one; None for whichever there is.

        Raises:
            ConflictError: Another version is there.
            SavedError: The collector does not answer or refuses.
        """
        return int(self.ask("PUT", _path(kind, object_id), _condition(expected), dict(body))["version"])

    def delete(self, kind: str, object_id: str, expected: int | None = None) -> None:
        """Delete an object; one that is not there is no error.

        Raises:
            ConflictError: Another version is there.
            SavedError: The collector does not answer or refuses.
        """
        self.ask("DELETE", _path(kind, object_id), _condition(expected))

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """Ask the collector for something else that it keeps or does.

        Args:
            method: Of HTTP.
            path: Below ``/v1/``.
            headers: Beside the token.
            body: Sent as JSON.

        Raises:
            ConflictError: Another version is there.
            SavedError: The collector does not answer or refuses.
        """
        content = {} if body is None else {"json": body}
        try:
            answer = self._http.request(method, f"{self._url}/v1/{path}", headers=headers, **content)
        except httpx.HTTPError as error:
            raise SavedError(f"the collector at {self._url} does not answer: {error}") from error
        if answer.is_success:
            return answer.json()
        try:
            reason = answer.json()
            text = str(reason.get("error") or reason.get("message") or answer.status_code)
        except (ValueError, AttributeError):
            text = f"the collector answered {answer.status_code}"
        raise (ConflictError if answer.status_code == _PRECONDITION_FAILED else SavedError)(text)


def _path(kind: str, object_id: str) -> str:
    return f"saved/{quote(kind, safe='')}/{quote(object_id, safe='')}"


def _condition(expected: int | None) -> dict[str, str]:
    if expected is None:
        return {}
    return {"If-Match": f'"{expected}"'} if expected else {"If-None-Match": "*"}
