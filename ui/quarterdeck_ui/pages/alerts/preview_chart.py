"""The chart of a look back: value against threshold, what is usual, and when it would have fired; pure."""

from collections.abc import Mapping
from typing import Any, Final

from quarterdeck_ui.chart_time import TIME_AXIS, TIME_TIP

_FORMATS: Final = {"share": ",.3~%", "usd": "$,.4~g", "seconds": ",.3~g", "tokens": ".3~s", "count": ",.3~g"}
_BAD: Final = "#e5484d"
_LINE: Final = "#4c8dff"
_USUAL: Final = "#35d0a0"


def chart(found: Mapping[str, Any], rule: Mapping[str, Any], unit: str, title: str) -> dict[str, Any]:
    """Make a Vega-Lite specification.

    Args:
        found: Answer of the collector's preview.
        rule: What was tried.
        unit: Of the measure.
        title: Of the value axis.
    """
    last = found["points"][-1]["at"] if found["points"] else 0
    points = [{"at": each["at"] * 1000, "value": each["value"], **_band(each.get("usual"))} for each in found["points"]]
    incidents = [{"from": each["fired"] * 1000, "to": (each["resolved"] or last) * 1000} for each in found["incidents"]]
    unusual = str(rule.get("comparison", "")).startswith("unusually")
    layers = [_incidents(incidents), *([_usual(points)] if unusual else []), _values(points, unit, title)]
    if not unusual:
        limits = [("threshold", rule.get("threshold"), [6, 3]), ("resolves", rule.get("clear"), [2, 3])]
        layers += [_limit(name, float(at), dash) for name, at, dash in limits if at is not None]
    return {"layer": layers, "height": 260, "config": {"view": {"stroke": None}}}


def _band(usual: Any) -> dict[str, float]:
    return {"low": usual[0], "high": usual[1]} if usual else {}


_TIME: Final = {"type": "temporal", "scale": {"type": "utc"}, "axis": {**TIME_AXIS, "labelOverlap": True}}


def _incidents(incidents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "data": {"values": incidents},
        "mark": {"type": "rect", "opacity": 0.16, "color": _BAD, "stroke": _BAD, "strokeOpacity": 0.7},
        "encoding": {
            "x": {**_TIME, "field": "from"},
            "x2": {"field": "to"},
            "tooltip": [
                {"field": "from", **TIME_TIP, "title": "would have fired"},
                {"field": "to", **TIME_TIP, "title": "until"},
            ],
        },
    }


def _usual(points: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "data": {"values": [each for each in points if "low" in each]},
        "mark": {"type": "area", "opacity": 0.18, "color": _USUAL, "interpolate": "step"},
        "encoding": {
            "x": {**_TIME, "field": "at"},
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
        },
    }


def _values(points: list[dict[str, Any]], unit: str, title: str) -> dict[str, Any]:
    shown = _FORMATS.get(unit, _FORMATS["count"])
    return {
        "data": {"values": points},
        "mark": {"type": "line", "color": _LINE, "strokeWidth": 1.6, "invalid": "break-paths-filter-domains"},
        "encoding": {
            "x": {**_TIME, "field": "at"},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": title,
                "axis": {"format": shown, "tickCount": 5},
                "scale": {"zero": True, "nice": True},
            },
            "tooltip": [
                {"field": "at", **TIME_TIP, "title": "at"},
                {"field": "value", "type": "quantitative", "format": shown, "title": title},
            ],
        },
    }


def _limit(name: str, at: float, dash: list[int]) -> dict[str, Any]:
    return {
        "data": {"values": [{"at": at, "name": name}]},
        "layer": [
            {"mark": {"type": "rule", "color": _BAD, "strokeDash": dash, "strokeWidth": 1.4, "aria": False}},
            {
                "mark": {"type": "text", "align": "left", "x": 4, "dy": -6, "color": _BAD, "fontSize": 11},
                "encoding": {"text": {"field": "name"}},
            },
        ],
        "encoding": {"y": {"field": "at", "type": "quantitative"}},
    }
