"""Pages of lists: a cursor names the last item of a page, so nothing is skipped or doubled when items come and go."""

import base64
import json
from typing import Annotated, Any, Final

from fastapi import Query

from quarterdeck_runner.problems import ProblemError

_LONGEST: Final = 4096

Cursor = Annotated[
    str | None,
    Query(max_length=_LONGEST, description="`next_cursor` of the page before; the first page has none."),
]
"""Parameter of a route that lists."""

NEXT: Final = "Cursor of the next page; null on the last one."
"""Description of the field ``next_cursor``."""


def encode(*position: str | int) -> str:
    """Make a cursor.

    Args:
        position: what the list is sorted by, of the last item.
    """
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Read a cursor.

    Args:
        cursor: from :func:`encode`, or none for the first page.
        kinds: types of the values in it.

    Raises:
        ProblemError: it is no cursor of this list.
    """
    if not cursor:
        return None
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or [type(value) for value in found] != list(kinds):
        raise ProblemError(422, "The request is not valid", "cursor: this is no cursor of this list; begin without one")
    if any(isinstance(value, int) and abs(value) >= 1 << 63 for value in found):
        raise ProblemError(422, "The request is not valid", "cursor: this is no cursor of this list; begin without one")
    return tuple(found)
