"""The bar in which a page is limited to a range of time, an environment and a service; the address holds the choice."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.queries import places
from quarterdeck_ui.scope import Scope

RANGES: Final = {
    "15m": (900, "Last 15 min"),
    "1h": (3600, "Last hour"),
    "6h": (21_600, "Last 6 h"),
    "24h": (86_400, "Last 24 h"),
    "7d": (7 * 86_400, "Last 7 days"),
    "30d": (30 * 86_400, "Last 30 days"),
    "90d": (90 * 86_400, "Last 90 days"),
}
"""Seconds and label by name in the address, as in ``components/scope.js``."""

_CUSTOM: Final = "custom"


def filter_bar(default: str = "7d") -> Scope:
    """Draw the bar and give what it is set to.

    Args:
        default: Name of the range that holds when the address has none.

    Raises:
        StoreError: ClickHouse is away.
    """
    known = places(services.current().store)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filters"):
        _range(default)
        _place("env", "Environment", "All environments", [environment for environment, _ in known])
        _place("service", "Service", "All services", [service for _, service in known])
    return scope_in_address(default)


def scope_in_address(default: str = "7d") -> Scope:
    """What the address limits a page to.

    Args:
        default: Name of the range that holds when the address has none.
    """
    query = st.query_params
    since, until = _moment(query.get("from", "")), _moment(query.get("to", ""))
    environment, service = query.get("env", "")[:200], query.get("service", "")[:200]
    if since or until:
        return Scope(since_ms=since, until_ms=until, environment=environment, service=service)
    name = query.get("range", default)
    seconds, _ = RANGES.get(name, RANGES[default])
    return Scope(seconds=seconds, environment=environment, service=service)


def _range(default: str) -> None:
    query = st.query_params
    custom = bool(_moment(query.get("from", "")) or _moment(query.get("to", "")))
    names = [*RANGES, *([_CUSTOM] if custom else [])]
    chosen = _CUSTOM if custom else query.get("range", default)

    def label(name: str) -> str:
        return RANGES[name][1] if name in RANGES else f"{_day(query.get('from', ''))} to {_day(query.get('to', ''))}"

    def changed() -> None:
        name = st.session_state["filter-range"]
        if name in RANGES:
            for each in ("from", "to"):
                query.pop(each, None)
            query["range"] = name

    st.session_state["filter-range"] = chosen if chosen in names else default
    st.selectbox(
        "Time range",
        names,
        key="filter-range",
        format_func=label,
        on_change=changed,
        width=170,
        label_visibility="collapsed",
    )


def _place(name: str, label: str, everywhere: str, found: Sequence[str]) -> None:
    query, key = st.query_params, f"filter-{name}"
    chosen = query.get(name, "")

    def changed() -> None:
        if value := st.session_state[key]:
            query[name] = value
        else:
            query.pop(name, None)

    options = ["", *sorted({*filter(None, found), *([chosen] if chosen else [])})]
    st.session_state[key] = chosen
    st.selectbox(
        label,
        options,
        key=key,
        format_func=lambda value: value or everywhere,
        on_change=changed,
        width=180,
        label_visibility="collapsed",
    )


def _moment(text: str) -> float:
    """Milliseconds since the epoch of an ISO 8601 time; 0 for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000


def _day(text: str) -> str:
    ms = _moment(text)
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%d %b %H:%M") if ms else "…"
