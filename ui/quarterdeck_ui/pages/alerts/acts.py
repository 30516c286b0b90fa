"""What readers may do with rules: every act asks anew whether they may."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.alerts.client import ALL, MUTE, RULE
from quarterdeck_ui.pages.alerts.draft import new_id
from quarterdeck_ui.queries import AlertRule
from quarterdeck_ui.saved import SavedError

MUTES: Final = {"1 hour": 3600, "8 hours": 28_800, "1 day": 86_400, "7 days": 604_800}


def tried(act: Callable[[], None], done: str = "") -> bool:
    """Do something that changes what is saved, and say so, or why not."""
    if not identity.may_steer():
        return False
    try:
        act()
    except SavedError as error:
        st.toast(f"That did not work: {error}", icon="⚠️", duration="long")
        return False
    if done:
        st.toast(done, icon="✅")
    return True


def mute(rule_id: str, seconds: float) -> None:
    """Have nobody told of a rule, or of any, for a while; 0 ends that."""
    saved = services.current().saved
    if not seconds:
        saved.delete(MUTE, rule_id)
        return
    person = identity.current()
    saved.put(MUTE, rule_id, {"until": time.time() + seconds, "by": person.name if person else ""})


def muted_all() -> float:
    """Until when nobody is told of any rule, seconds since the epoch."""
    found = next((each for each in services.current().saved.all(MUTE) if each.id == ALL), None)
    until = float(found.body.get("until") or 0) if found else 0.0
    return until if until > time.time() else 0.0


def change(rule: AlertRule, **fields: Any) -> None:
    """Change fields of a rule, if nobody else has changed it meanwhile."""
    services.current().saved.put(RULE, rule.id, {**rule.body, **fields}, rule.version)


def copy(rule: AlertRule) -> None:
    """Make another rule like this one, switched off."""
    name = f"{rule.name} (copy)"
    services.current().saved.put(RULE, new_id(name), {**rule.body, "name": name, "enabled": False}, 0)


def remove(rule: AlertRule) -> None:
    """Delete a rule."""
    services.current().saved.delete(RULE, rule.id, rule.version)


def save(rule_id: str, body: Mapping[str, Any], expected: int) -> None:
    """Save a rule."""
    services.current().saved.put(RULE, rule_id, body, expected)


def turn(**query: str) -> None:
    """Go to another part of the page."""
    for name in list(st.query_params):
        if name not in ("view", "env", "service", "range", "from", "to"):
            del st.query_params[name]
    for name, value in query.items():
        st.query_params[name] = value
