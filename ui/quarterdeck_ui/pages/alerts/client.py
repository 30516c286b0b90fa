"""What the collector keeps and does for alerts, beside what SQL tells."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from quarterdeck_ui import services

RULE: Final = "alert_rule"
CHANNEL: Final = "alert_channel"
MUTE: Final = "alert_mute"
"""Kinds of saved objects."""

ALL: Final = "all"
"""Id of the mute of all rules."""

Measures = Mapping[str, Mapping[str, Any]]


@st.cache_data(ttl=30, show_spinner=False)
def condition() -> dict[str, Any]:
    """How the watching itself is, and what can be watched.

    Raises:
        SavedError: The collector does not answer.
    """
    return dict(services.current().saved.ask("GET", "alerts"))


def measures() -> Measures:
    """What can be watched, by name.

    Raises:
        SavedError: The collector does not answer.
    """
    found: Measures = condition()["measures"]
    return found


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def preview(rule: Mapping[str, Any], days: float) -> dict[str, Any]:
    """What a rule would have done in the last days.

    Raises:
        SavedError: The rule cannot be used, or the collector does not answer.
    """
    return dict(services.current().saved.ask("POST", "alerts/preview", body={"rule": dict(rule), "days": days}))


def try_channel(channel_id: str, draft: Mapping[str, Any] | None) -> str:
    """Send a test to a saved channel, or to one as it is entered, and give what went wrong; empty if it arrived.

    Raises:
        SavedError: The channel cannot be used, or the collector does not answer.
    """
    body = {"id": channel_id} | ({"channel": dict(draft)} if draft is not None else {})
    return str(services.current().saved.ask("POST", "alerts/test", body=body)["reason"])


def put_channel(channel_id: str, body: Mapping[str, Any], expected: int | None) -> None:
    """Save a channel; its secrets are sealed by the collector.

    Raises:
        ConflictError: Another version is there.
        SavedError: It cannot be used, or the collector does not answer.
    """
    headers = {} if expected is None else {"If-Match": f'"{expected}"'} if expected else {"If-None-Match": "*"}
    services.current().saved.ask("PUT", f"alerts/channels/{quote(channel_id, safe='')}", headers, dict(body))
