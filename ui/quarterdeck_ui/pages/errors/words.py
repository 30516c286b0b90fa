"""How categories and states of errors are called and shown."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Sign(NamedTuple):
    """A word with an icon (a name of Material Symbols) and a colour of Streamlit's badges."""

    icon: str
    word: str
    colour: str


CATEGORIES: Final = {
    "rate_limit": Sign("speed", "Rate limit", "orange"),
    "overload": Sign("dns", "Provider overloaded", "orange"),
    "auth": Sign("key", "Key or account", "red"),
    "timeout": Sign("timer", "Timeout", "orange"),
    "context_length": Sign("notes", "Prompt too long", "violet"),
    "content_filter": Sign("shield", "Content filter", "violet"),
    "invalid_output": Sign("data_object", "Invalid output", "blue"),
    "tool": Sign("build", "Tool", "blue"),
    "network": Sign("lan", "Network", "orange"),
    "request": Sign("rule", "Request refused", "violet"),
    "user_code": Sign("code", "Your code", "blue"),
    "silent": Sign("volume_off", "Silent failure", "red"),
}
"""By the names in ``schema/0013_errors.sql``."""

STATES: Final = {
    "new": Sign("fiber_new", "New", "red"),
    "open": Sign("error", "Open", "orange"),
    "returned": Sign("replay", "Returned", "red"),
    "resolved": Sign("check_circle", "Resolved", "green"),
}


def ago(then_ns: int, now_ns: int) -> str:
    """How long ago something was, in one unit."""
    seconds = max(0, (now_ns - then_ns) // 10**9)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def moment(at_ns: int) -> str:
    """Date and time, UTC."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
