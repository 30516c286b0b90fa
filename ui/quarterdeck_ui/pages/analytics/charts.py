"""Vega-Lite specifications without data: built once, coloured by Streamlit's theme, each mark a link to its runs."""

import functools
from typing import Any, Final

from quarterdeck_ui.chart_time import TIME_AXIS, TIME_TIP

Spec = dict[str, Any]

_TIME: Final[Spec] = {
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {**TIME_AXIS, "labelFlush": True, "tickCount": 8},
}
_LINK: Final[Spec] = {"field": "href", "type": "nominal"}
_HEIGHT: Final = 270
_TALL: Final = 330

_MIDDLE: Final = "#7d8aa0"
"""A grey that shows on dark and on light ground."""

# The theme gives colours by place: these stand where it has blue, green, amber, violet, pink, cyan, grey.
_STATES: Final = ("", "completed", "", "", "failed", "", "cancelled")


def _numbers(title: str, text: str) -> Spec:
    axis: Spec = {"title": title, "format": text, "tickCount": 5}
    if text.endswith("%"):
        axis["labelExpr"] = f"replace(format(datum.value, '{text[:-1]}~%'), '%', ' %')"
    return {"type": "quantitative", "axis": axis}


def _tips(*fields: tuple[str, str, str]) -> list[Spec]:
    """Field, title, and format: a number's, or ``time``."""
    found = []
    for field, title, text in fields:
        if text == "time":
            found.append({"field": field, "title": title, **TIME_TIP})
        elif text:
            found.append({"field": field, "title": title, "type": "quantitative", "format": text})
        else:
            found.append({"field": field, "title": title, "type": "nominal"})
    return found


def _legend(name: str | None = None) -> Spec:
    return {
        "orient": "bottom",
        "title": name,
        "columns": {"expr": "width < 440 ? 2 : 4"},
        "labelLimit": 260,
        "symbolLimit": 12,
        "offset": 4,
    }


@functools.cache
def runs() -> Spec:
    """Runs by time and by how they ended: at, end, state, runs."""
    domain = [state or f"\u200b{number}" for number, state in enumerate(_STATES)]
    shown = [state for state in _STATES if state]
    colour = {
        "field": "state",
        "type": "nominal",
        "scale": {"domain": domain},
        "legend": {**_legend(), "values": shown},
    }
    tips = _tips(("at", "From", "time"), ("state", "Ended", ""), ("runs", "Runs", ","))
    shape = {"field": "state", "type": "nominal", **colour}
    return {"height": _HEIGHT, **_columns("runs", _numbers("Runs", "~s"), shape, tips)}


def _columns(field: str, axis: Spec, colour: Spec, tips: list[Spec]) -> Spec:
    """Columns from ``at`` to ``end``, the parts of each upon each other: Vega-Lite stacks no bars that have both."""
    sort = [{"field": "order", "order": "ascending"}]
    return {
        "transform": [{"stack": field, "groupby": ["at"], "sort": sort, "as": ["bottom", "top"]}],
        "mark": {"type": "rect", "cursor": "pointer"},
        "encoding": {
            "x": {"field": "at", **_TIME},
            "x2": {"field": "end"},
            "y": {"field": "bottom", **axis},
            "y2": {"field": "top"},
            "color": colour,
            "href": _LINK,
            "tooltip": tips,
        },
    }


@functools.cache
def lines(field: str, title: str, text: str) -> Spec:
    """A value over time, a line for each part: at, part, the value; ``kind`` is ``change`` on days of change."""
    x = {"field": "at", **_TIME}
    mark = {"type": "line", "point": {"size": 22}, "cursor": "pointer", "interpolate": "monotone"}
    tips = _tips(("at", "From", "time"), ("part", "Of", ""), (field, title, text))
    return {
        "height": _HEIGHT,
        "layer": [
            {
                "transform": [{"filter": "datum.kind != 'change'"}],
                "mark": mark,
                "encoding": {
                    "x": x,
                    "y": {"field": field, **_numbers(title, text)},
                    "color": {"field": "part", "type": "nominal", "legend": _legend()},
                    "href": _LINK,
                    "tooltip": tips,
                },
            },
            {
                "transform": [{"filter": "datum.kind == 'change'"}],
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "opacity": 0.8, "aria": False},
                "encoding": {
                    "x": x,
                    "color": {"field": "part", "type": "nominal"},
                    "tooltip": _tips(("at", "Change on", "time"), ("part", "Of", ""), ("note", "How", "")),
                },
            },
        ],
    }


@functools.cache
def stacks(field: str, title: str, text: str) -> Spec:
    """A value over time, parts upon each other: at, end, part, order, the value."""
    tips = _tips(("at", "From", "time"), ("part", "Of", ""), (field, title, text))
    colour = {"field": "part", "type": "nominal", "sort": None, "legend": _legend()}
    return {"height": _TALL, **_columns(field, _numbers(title, text), colour, tips)}


@functools.cache
def areas(field: str, title: str, text: str) -> Spec:
    """The same as surfaces."""
    tips = _tips(("at", "From", "time"), ("part", "Of", ""), (field, title, text))
    return {
        "height": _TALL,
        "mark": {"type": "area", "opacity": 0.85, "interpolate": "monotone"},
        "encoding": {
            "x": {"field": "at", **_TIME},
            "y": {"field": field, "stack": "zero", **_numbers(title, text)},
            "color": {"field": "part", "type": "nominal", "sort": None, "legend": _legend()},
            "tooltip": tips,
        },
    }


@functools.cache
def bars(field: str, title: str, text: str) -> Spec:
    """A value of each part, the largest first: part, the value."""
    return {
        "mark": {"type": "bar", "cursor": "pointer", "cornerRadiusEnd": 2},
        "height": {"step": 24},
        "encoding": {
            "x": {"field": field, **_numbers(title, text)},
            "y": {"field": "part", "type": "nominal", "sort": "-x", "axis": {"title": None, "labelLimit": 260}},
            "href": _LINK,
            "tooltip": _tips(("part", "Of", ""), (field, title, text)),
        },
    }


@functools.cache
def week() -> Spec:
    """How busy each hour of each weekday is: weekday, hour, calls, share of errors, cost."""
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return {
        "height": _HEIGHT,
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            "x": {"field": "hour", "type": "ordinal", "axis": {"title": "Hour (UTC)", "labelAngle": 0, "grid": False}},
            "y": {"field": "weekday", "type": "ordinal", "sort": days, "axis": {"title": None, "grid": False}},
            "color": {
                "field": "calls",
                "type": "quantitative",
                "legend": {"orient": "right", "title": "Calls", "format": "~s", "gradientLength": 120},
            },
            "tooltip": _tips(
                ("weekday", "Day", ""),
                ("hour", "Hour (UTC)", ""),
                ("calls", "Calls", ","),
                ("failed", "Failed", ".1%"),
                ("cost", "Cost, USD", ",.2f"),
            ),
        },
    }


@functools.cache
def ratios() -> Spec:
    """Ratios with their intervals around 1: what, ratio, low, high, verdict."""
    scale = {"type": "log", "nice": False, "padding": 16}
    x = {"field": "ratio", "type": "quantitative", "scale": scale, "axis": {"title": "Times as much", "format": "~g"}}
    y = {"field": "what", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 300}}
    colour = {"field": "model", "type": "nominal", "legend": _legend()}
    offset = {"field": "model", "type": "nominal"}
    tips = _tips(
        ("what", "Of", ""),
        ("model", "Compared", ""),
        ("ratio", "Ratio", ".3f"),
        ("low", "From", ".3f"),
        ("high", "To", ".3f"),
    )
    return {
        "height": {"step": 16},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": _MIDDLE, "aria": False},
                "encoding": {"x": {"datum": 1}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": {**x, "field": "low"},
                    "x2": {"field": "high"},
                    "y": y,
                    "yOffset": offset,
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": x, "y": y, "yOffset": offset, "color": colour, "tooltip": tips},
            },
        ],
    }
