"""Alerts in words: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from quarterdeck.amounts import amount

Colour = Literal["red", "orange", "green", "gray", "blue"]

WINDOWS: Final = {
    60: "1 minute",
    300: "5 minutes",
    900: "15 minutes",
    1800: "30 minutes",
    3600: "1 hour",
    10_800: "3 hours",
    21_600: "6 hours",
    43_200: "12 hours",
    86_400: "1 day",
    604_800: "7 days",
}
"""Windows that the editor offers, seconds."""

COMPARISONS: Final = {
    "above": "above",
    "below": "below",
    "unusually_high": "unusually high",
    "unusually_low": "unusually low",
}
SEVERITIES: Final = ("critical", "warning", "info")
NO_DATA: Final = {
    "no_data": "say so",
    "ok": "that is good",
    "keep": "stay as it is",
    "firing": "that is bad",
}

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~:$])")
_STEPS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True)
class Sign:
    """How a status looks: never by its colour alone."""

    word: str
    icon: str
    colour: Colour


SIGNS: Final = {
    "firing": Sign("Firing", ":material/notifications_active:", "red"),
    "pending": Sign("Pending", ":material/hourglass_top:", "orange"),
    "ok": Sign("OK", ":material/check_circle:", "green"),
    "no data": Sign("No data", ":material/help:", "gray"),
    "": Sign("Not looked at yet", ":material/schedule:", "gray"),
}
UNREADABLE: Final = Sign("Cannot be read", ":material/error:", "orange")
OFF: Final = Sign("Off", ":material/power_settings_new:", "gray")
TOLD: Final = {
    "firing": Sign("Firing", ":material/notifications_active:", "red"),
    "reminder": Sign("Still firing", ":material/notifications:", "orange"),
    "resolved": Sign("Resolved", ":material/check_circle:", "green"),
}


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def ago(seconds: float) -> str:
    """A stretch of time, shortly."""
    for length, letter in _STEPS:
        if seconds >= length:
            return f"{seconds / length:.0f} {letter}"
    return f"{max(0, seconds):.0f} s"


def window(seconds: int) -> str:
    """A window in words."""
    return WINDOWS.get(seconds) or ago(seconds)


def threshold(body: Mapping[str, Any], unit: str) -> str:
    """When a rule fires, shortly."""
    comparison = str(body.get("comparison", "above"))
    limit = float(body.get("threshold") or 0)
    if comparison.startswith("unusually"):
        return f"{COMPARISONS.get(comparison, comparison)}, {limit:g} deviations"
    return f"{comparison} {amount(limit, unit)}"


def about(body: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """What a rule watches, in a sentence."""
    limits = ", ".join(f"{name} {value}" for name, value in (body.get("scope") or {}).items() if value)
    over = "" if measure.get("period") else f" over {window(int(body.get('window') or 300))}"
    lasting = f" for {window(int(body['for']))}" if body.get("for") else ""
    title, unit = measure.get("title", body.get("measure")), str(measure.get("unit", "count"))
    told = f"{title}{over} {threshold(body, unit)}{lasting}"
    return f"{told} · {limits}" if limits else told
