"""Who of the people whom others vouch for may come in, and as what: lists of names, groups and domains (pure)."""

import shlex
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from quarterdeck_ui.access.people import Role

EVERYBODY: Final = "*"


def listed(text: str) -> frozenset[str]:
    """The entries of a list with commas or spaces between; one that holds either stands in double quotes.

    Raises:
        ValueError: A quote is not closed.
    """
    words = shlex.shlex(text, posix=True)
    words.whitespace, words.whitespace_split = ", \t\r\n", True
    words.quotes, words.escape, words.commenters = '"', "", ""
    return frozenset(_folded(each) for each in words)


class Members:
    """The lists of those who may steer and of those who may look.

    Args:
        operators: Entries of those who may steer.
        viewers: Entries of those who may only look.
    """

    def __init__(self, operators: Collection[str], viewers: Collection[str]) -> None:
        self._operators, self._viewers = frozenset(operators), frozenset(viewers)

    def entries(self, name: str, groups: Iterable[str] = ()) -> list[str]:
        """The entries that mean someone: the name, the domain of an e-mail address, a group, or everybody."""
        domain = [name[name.rindex("@") :]] if "@" in name else []
        meant = {_folded(each) for each in (name, *domain, *groups)} | {EVERYBODY}
        return sorted(meant & (self._operators | self._viewers))

    def role(self, entries: Iterable[str]) -> Role | None:
        """What someone whom these entries mean may do; None for nothing, not even look."""
        found = set(entries)
        if found & self._operators:
            return Role.OPERATOR
        return Role.VIEWER if found & self._viewers else None


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by the way to it, such as ``realm_access.roles``; None if it is not there."""
    if path in claims:
        return claims[path]
    head, _, rest = path.partition(".")
    inside = claims.get(head)
    return claim(inside, rest) if rest and isinstance(inside, Mapping) else None


def words(value: Any) -> list[str]:
    """A claim that may be one string or a list of them."""
    return [str(each) for each in (value if isinstance(value, list) else [value] if value else [])]


def _folded(entry: str) -> str:
    """E-mail addresses are the same in capitals."""
    return entry.casefold() if "@" in entry else entry
