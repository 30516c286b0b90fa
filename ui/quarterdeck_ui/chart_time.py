"""Time in Vega-Lite charts of every page: UTC and 24 hours, as tables and the deck tell it."""

from typing import Any, Final

_LABEL: Final = (
    "utchours(datum.value) + utcminutes(datum.value) "
    "? utcFormat(datum.value, '%H:%M') : utcFormat(datum.value, '%-d %b')"
)
TIME_AXIS: Final[dict[str, Any]] = {"title": None, "grid": False, "labelExpr": _LABEL}
TIME_TIP: Final[dict[str, Any]] = {"type": "temporal", "timeUnit": "utcyearmonthdatehoursminutes"}
