"""A rule that is being written: from an address, from defaults, from a saved one; pure."""

import math
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

SCOPES: Final = ("pipeline", "step", "provider", "model", "service", "environment")

_SLOW: Final[Mapping[str, Any]] = {"least": 20, "for": 120, "resolve_for": 300}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    # an hour: the few calls of a few minutes are above any share now and then by chance
    "error_rate": {"threshold": 0.1, "clear": 0.05, "window": 3600, "least": 50, "for": 60, "resolve_for": 300},
    "run_failure_rate": {"threshold": 0.2, "window": 3600, "least": 5, "resolve_for": 300},
    # a call counts from the minute in which it began, and one that times out took ten
    "errors": {"threshold": 10, "window": 900, "resolve_for": 300},
    "failed_runs": {"threshold": 0, "window": 900},
    "calls": {"threshold": 1000, "window": 3600},
    "cost": {"threshold": 5, "window": 3600},
    "call_cost": {"threshold": 0.1, "window": 3600, "least": 20},
    "cost_day": {"threshold": 50},
    "cost_month": {"threshold": 1000},
    "cache_share": {"threshold": 0.2, "window": 3600, "least": 20},
    **{name: {**_SLOW, "threshold": 30} for name in ("latency_mean", "latency_p50", "latency_p95", "latency_p99")},
    **{name: {**_SLOW, "threshold": 5} for name in ("first_token_p50", "first_token_p95")},
    **{name: {"threshold": 1_000_000, "window": 3600} for name in ("tokens", "input_tokens", "output_tokens")},
    "runs": {"threshold": 100, "window": 3600},
    **{name: {"threshold": 300, "window": 3600, "least": 5} for name in ("run_duration_p50", "run_duration_p95")},
    "stuck_runs": {"threshold": 0, "window": 900},
    "long_runs": {"threshold": 0, "window": 3600},
    "lost_runs": {"threshold": 0, "window": 900},
    "new_error_groups": {"threshold": 0, "window": 900},
}
_UNUSUAL: Final = {"threshold": 4, "clear": 2, "window": 3600, "for": 0, "change": 1}
_NUMBER: Final = ("threshold", "clear", "window", "for", "resolve_for", "least", "change")
_WORD: Final = re.compile(r"[^a-z0-9]+")


def defaults(measure: str, comparison: str = "above") -> dict[str, Any]:
    """What a new rule of a measure begins with."""
    unusual = comparison.startswith("unusually")
    common = {"threshold": 1, "clear": None, "window": 300, "for": 0, "resolve_for": 0, "least": 1, "change": 0}
    found = {**common, **_DEFAULTS.get(measure, {}), **(_UNUSUAL if unusual else {})}
    return {
        "name": "",
        "measure": measure,
        "comparison": comparison,
        **found,
        "no_data": "no_data",
        "scope": {},
        "sql": "",
        "severity": "warning",
        "channels": ["dashboard"],
        "repeat": 0,
        "note": "",
        "enabled": True,
    }


def from_address(query: Mapping[str, str]) -> dict[str, Any]:
    """What a link such as ``?view=alerts&new=1&measure=cost&pipeline=digest&threshold=5`` asks for.

    What makes no sense is left out: the reader sees it in the form.
    """
    comparison = query.get("comparison", "above")
    draft = defaults(query.get("measure", "error_rate"), comparison)
    for name in _NUMBER:
        value = _number(query.get(name, ""))
        if value is not None:
            draft[name] = value if name in ("threshold", "clear", "change") else int(value)
            if name == "threshold" and "clear" not in query:
                draft["clear"] = None
    for text in ("name", "sql", "note", "severity", "no_data"):
        if query.get(text):
            draft[text] = query[text][:4000]
    wanted = {name: query.get(name, "") for name in SCOPES} | (
        {"environment": query["env"]} if query.get("env") else {}
    )
    draft["scope"] = {name: value[:200] for name, value in wanted.items() if value}
    return draft


def new_id(name: str) -> str:
    """An id for a new rule or channel: readable, and no other's."""
    return f"{_WORD.sub('-', name.lower()).strip('-')[:40] or 'alert'}-{secrets.token_hex(3)}"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
