"""Draws the charts of a dashboard."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck_ui.pages.analytics import charts, fetch, links, tables
from quarterdeck_ui.pages.analytics.dashboards.definition import NOTHING, QUANTITIES, Panel
from quarterdeck_ui.pages.analytics.figures import figure
from quarterdeck_ui.pages.analytics.text import plain
from quarterdeck_ui.queries import ChartRange, Measure, RunMeasure

_OVER_TIME: Final = frozenset({"line", "columns", "area"})
_MOST_PARTS: Final = 7


def draw(asked: ChartRange, panel: Panel, key: str) -> None:
    """Draw one chart with its heading and its CSV."""
    quantity = QUANTITIES[panel.quantity]
    st.markdown(f"**{plain(panel.heading)}**")
    rows = points(asked, panel, _found(asked, panel))
    if not rows:
        st.caption("Nothing in this range fits.")
        return
    if panel.chart == "number":
        st.metric(quantity.title, quantity.text(rows[0]["value"]), label_visibility="collapsed")
        tables.save(key, [{quantity.title: rows[0]["value"]}])
    elif panel.chart == "table":
        table = [{panel.by: row["part"], quantity.title: row["value"], tables.RUNS: row["href"]} for row in rows]
        tables.table(key, table, {quantity.title: st.column_config.NumberColumn(format="%.4g")})
    else:
        alert = links.alert(asked, quantity.alert, **panel.only)
        figure(key, rows, _spec(panel), panel.heading, alert)


def _found(asked: ChartRange, panel: Panel) -> Sequence[Measure | RunMeasure]:
    by = "" if panel.by == NOTHING or panel.chart == "number" else panel.by
    width = fetch.bucket_of(asked) if panel.chart in _OVER_TIME else 0
    quantity = QUANTITIES[panel.quantity]
    if quantity.of_runs:
        return fetch.run_measures(asked, by, width, panel.only.get("pipeline", ""))
    return fetch.measures(asked, by, width, dict(panel.only), quantiles=quantity.of_quantiles)


def points(asked: ChartRange, panel: Panel, found: Sequence[Measure | RunMeasure]) -> list[dict[str, Any]]:
    """What a chart has of what was found: the parts with most of it, each point with the address of its runs."""
    quantity, width = QUANTITIES[panel.quantity], fetch.bucket_of(asked)
    dimension = "" if panel.by == NOTHING else panel.by
    values = [(each, value) for each in found if (value := quantity.value(each)) is not None]
    heavy: dict[str, float] = {}
    for each, value in values:
        heavy[each.part] = heavy.get(each.part, 0.0) + value
    order = {part: number for number, part in enumerate(sorted(heavy, key=lambda part: -heavy[part]))}
    most = _MOST_PARTS if panel.chart in _OVER_TIME else len(order)
    rows = []
    for each, value in sorted(values, key=lambda pair: (order[pair[0].part], pair[0].at)):
        if order[each.part] < most:
            within = links.during(asked, each.at, width) if each.at else asked
            rows.append(
                {
                    "at": each.at * 1000 or None,
                    "end": (each.at + width * 0.88) * 1000,
                    "part": each.part or ("all" if not dimension else "(none)"),
                    "order": order[each.part],
                    "value": value,
                    "href": links.part(within, dimension, each.part),
                }
            )
    return rows


def _spec(panel: Panel) -> charts.Spec:
    quantity = QUANTITIES[panel.quantity]
    match panel.chart:
        case "line":
            return charts.lines("value", quantity.title, quantity.axis)
        case "columns":
            return charts.stacks("value", quantity.title, quantity.axis)
        case "area":
            return charts.areas("value", quantity.title, quantity.axis)
        case _:
            return charts.bars("value", quantity.title, quantity.axis)
