"""What the collector's ``/readyz`` says, part by part (pure)."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from quarterdeck_ui.hub import Health

_FORWARD: Final = "forward "
_ITS_OWN: Final = frozenset({"spool"})
"""Checks that are shown beside the collector, not as its state."""


def collector_health(response: httpx.Response, url: str) -> dict[str, Health]:
    """The collector, its spool and each place it forwards to, by name.

    Args:
        response: Answer to ``/readyz``.
        url: Where it was asked.
    """
    checks = _checks(response)
    parts = {name: check for name, check in checks.items() if name in _ITS_OWN or name.startswith(_FORWARD)}
    failing = [
        f"{name}: {check.get('reason')}" for name, check in checks.items() if not check.get("ok") and name not in parts
    ]
    if not checks and not response.is_success:
        failing = [f"{url}/readyz answered {response.status_code}"]
    return {
        "collector": Health(not failing, "; ".join(failing)),
        **{name: Health(bool(check.get("ok")), str(check.get("reason") or "")) for name, check in parts.items()},
    }


def _checks(response: httpx.Response) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = response.json().get("checks", {})
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}
