"""Whether a group of errors is new, open, resolved, or back after it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from quarterdeck_ui.queries import ErrorGroup
from quarterdeck_ui.saved import Saved

KIND: Final = "error_resolution"
"""Under which kind it is saved that somebody marked a group as resolved."""

State = Literal["new", "open", "returned", "resolved"]

_NEW_NS: Final = 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Resolution:
    """Somebody's word that the cause of a group is gone.

    Args:
        at_ns: When.
        by: Who; empty where nobody logs in.
        version: Newest version that had the error then; empty if unknown.
    """

    at_ns: int
    by: str = ""
    version: str = ""

    def body(self) -> dict[str, Any]:
        """What is saved."""
        return {"at_ns": self.at_ns, "by": self.by, "version": self.version}


def resolutions(saved: Saved) -> dict[str, Resolution]:
    """All resolutions, by group.

    Raises:
        SavedError: the collector does not answer.
    """
    return {each.id: _read(each.body) for each in saved.all(KIND)}


def _read(body: Mapping[str, Any]) -> Resolution:
    at = body.get("at_ns")
    return Resolution(at if isinstance(at, int) else 0, str(body.get("by") or ""), str(body.get("version") or ""))


def state_of(group: ErrorGroup, resolution: Resolution | None, now_ns: int) -> State:
    """The state of a group: an error after its resolution brings it back."""
    if resolution is not None:
        return "returned" if group.last_ns > resolution.at_ns else "resolved"
    return "new" if now_ns - group.first_ns < _NEW_NS else "open"
