"""What people save beside their telemetry: dashboards, alert rules, errors marked as resolved."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_collector.store import Store, literal

LARGEST_BYTES: Final = 256 << 10
"""Of the JSON of one object."""

Check = Callable[[str, dict[str, Any]], None]

_KIND: Final = re.compile(r"[a-z][a-z_]{0,39}")
_ID: Final = re.compile(r"[\w.-]{1,100}")


class SavedError(Exception):
    """An object cannot be saved so; the message says why."""


class ConflictError(Exception):
    """Somebody else has changed the object meanwhile."""


@dataclass(frozen=True)
class SavedObject:
    """One object with the version that a change of it must name."""

    kind: str
    id: str
    body: dict[str, Any]
    version: int


class SavedObjects:
    """Reads and changes the table ``saved``.

    Args:
        store: The data.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changing = threading.Lock()
        self._checks: dict[str, Check] = {}
        self._watchers: list[Callable[[str], None]] = []

    def guard(self, checks: Mapping[str, Check]) -> None:
        """Have objects of some kinds checked before they are saved.

        Args:
            checks: By kind: takes id and body, and raises :class:`SavedError` for what cannot be saved.
        """
        self._checks.update(checks)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Have somebody told of the kind of every object that is saved or deleted through this collector."""
        self._watchers.append(changed)

    def all(self, kind: str, object_id: str = "") -> list[SavedObject]:
        """Every object of a kind by id, or the one of an id.

        Raises:
            SavedError: That is no kind or no id.
        """
        which = f"Kind = {literal(_checked(_KIND, kind, 'kind'))}"
        if object_id:
            which += f" AND Id = {literal(_checked(_ID, object_id, 'id'))}"
        rows = self._store.json_rows(
            f"SELECT Id, Body, toString(Version) AS Version FROM {self._store.database}.saved FINAL "  # noqa: S608 - checked
            f"WHERE {which} AND NOT IsDeleted ORDER BY Id"
        )
        return [SavedObject(kind, row["Id"], json.loads(row["Body"]), int(row["Version"])) for row in rows]

    def put(self, kind: str, object_id: str, body: Any, expected: int | None = None) -> int:
        """Save an object in place of the one before it.

        Args:
            kind: Lower-case letters and ``_``.
            object_id: Letters, digits and ``_.-``.
            body: A JSON object of at most :data:`LARGEST_BYTES`.
            expected: Version that it replaces, 0 for a new one; None for whichever there is.

        Returns:
            Its version.

        Raises:
            SavedError: Kind, id or body are not as above.
            ConflictError: Another version is there.
        """
        if not isinstance(body, dict):
            raise SavedError("send a JSON object")
        if kind in self._checks:
            self._checks[kind](object_id, body)
        text = json.dumps(body, ensure_ascii=False)
        if len(text.encode()) > LARGEST_BYTES:
            raise SavedError(f"a saved object may have {LARGEST_BYTES} bytes")
        return self._write(kind, object_id, text, expected, deleted=False)

    def delete(self, kind: str, object_id: str, expected: int | None = None) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            SavedError: That is no kind or no id.
            ConflictError: Another version is there.
        """
        self._write(kind, object_id, "{}", expected, deleted=True)

    def _write(self, kind: str, object_id: str, text: str, expected: int | None, *, deleted: bool) -> int:
        with self._changing:
            found = self.all(kind, _checked(_ID, object_id, "id"))
            now = found[0].version if found else 0
            if expected is not None and expected != now:
                raise ConflictError(
                    "somebody has changed it meanwhile: read it again" if now else "it is not there any more"
                )
            version = max(time.time_ns(), now + 1)
            row = {"Kind": kind, "Id": object_id, "Body": text, "Version": version, "IsDeleted": int(deleted)}
            self._store.insert_rows("saved", [row])
        for changed in self._watchers:
            changed(kind)
        return version


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise SavedError(f"'{text[:100]}' is no {what}: it must match {pattern.pattern}")
    return text
