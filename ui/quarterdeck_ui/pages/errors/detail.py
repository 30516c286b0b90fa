"""One group of errors: what it is, what to do, and one of its errors with everything around it."""

import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import streamlit as st

from quarterdeck import semconv
from quarterdeck_ui import alert_link, filter_bar, queries, services
from quarterdeck_ui.chart_time import TIME_AXIS
from quarterdeck_ui.pages.errors import actions, around
from quarterdeck_ui.pages.errors.advice import Situation, advice
from quarterdeck_ui.pages.errors.case import Case, read_case
from quarterdeck_ui.pages.errors.listing import badge, headline
from quarterdeck_ui.pages.errors.states import Resolution, State, resolutions, state_of
from quarterdeck_ui.pages.errors.words import CATEGORIES, STATES, ago, moment
from quarterdeck_ui.queries import ErrorGroup, ErrorScope, Occurrence
from quarterdeck_ui.scope import Scope

_NEWEST: Final = 50
_ALL_NS: Final = 366 * 86_400 * 10**9


def show(group_id: str, span_id: str, kept: Mapping[str, str]) -> None:
    """Draw a group.

    Args:
        group_id: Its fingerprint.
        span_id: The error to look at; empty for the newest.
        kept: What of the address leads back to the list.
    """
    store, now = services.current().store, time.time_ns()
    scope = filter_bar.filter_bar("7d")
    group, asked = _group(group_id, scope, now)
    if group is None:
        st.info("No error of this group is stored: its spans have expired, or the address is wrong.")
        st.html(_back(kept))
        return
    resolution = resolutions(services.current().saved).get(group.id)
    occurrences = queries.errors_of_group(store, group.id, _NEWEST)
    if span_id and all(each.span_id != span_id for each in occurrences):
        occurrences += queries.errors_of_group(store, group.id, 1, span_id)
    _heading(group, state_of(group, resolution, now), resolution, now, kept)
    _trend(group, asked)
    occurrence = _chosen(occurrences, span_id)
    case = read_case(store, occurrence) if occurrence else None
    actions.show(group, case, resolution)
    _advice(_situation(group, case, asked))
    if case is None:
        st.info("The spans of this error have expired; what was summed up of them is above.")
    else:
        around.show(case)


def _group(group_id: str, scope: Scope, now: int) -> tuple[ErrorGroup | None, ErrorScope]:
    """The group in the chosen range, else in the last year."""
    since, until = scope.bounds(now)
    asked = ErrorScope(since, until or now, scope.environment, scope.service, group_id)
    found = queries.error_groups(services.current().store, asked)
    if not found:
        asked = ErrorScope(now - _ALL_NS, now, group=group_id)
        found = queries.error_groups(services.current().store, asked)
    return (found[0] if found else None), asked


def _back(kept: Mapping[str, str]) -> str:
    words = "&".join(f"{escape(name)}={escape(value)}" for name, value in {"view": "errors", **kept}.items())
    return f'<a href="/?{words}" target="_self">← All errors</a>'


def _heading(group: ErrorGroup, state: State, resolution: Resolution | None, now: int, kept: Mapping[str, str]) -> None:
    facts = {
        "Errors": f"{group.errors:,}",
        "Runs": f"{group.runs:,}",
        "Last seen": ago(group.last_ns, now),
        "First seen": ago(group.first_ns, now),
        "Type": f"{group.type}{f' (HTTP {group.http_status})' if group.http_status else ''}",
        "In your code": group.frame,
        "Pipelines": ", ".join(group.pipelines),
        "Steps": ", ".join(group.steps),
        "Versions": ", ".join(group.versions),
        "Resolved": _resolved(resolution),
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items() if text)
    st.html(
        f'<div class="qd-title">{_back(kept)}<span class="qd-badges">{badge(STATES[state])}'
        f"{badge(CATEGORIES[group.category])}</span><h2>{escape(headline(group))}</h2>"
        f'<dl class="qd-facts">{shown}</dl></div>'
    )


def _resolved(resolution: Resolution | None) -> str:
    if resolution is None:
        return ""
    by = f" by {resolution.by}" if resolution.by else ""
    return moment(resolution.at_ns) + by + (f", at version {resolution.version}" if resolution.version else "")


def _trend(group: ErrorGroup, asked: ErrorScope) -> None:
    begin, width = asked.since_ns / 1e6, asked.interval_ns / 1e6
    rows = [
        {"From": begin + number * width, "To": begin + (number + 0.9) * width, "Errors": count, "None": 0}
        for number, count in enumerate(group.trend)
        if count
    ]
    domain = [begin, begin + width * len(group.trend)]
    with st.container(gap="xsmall"):
        st.vega_lite_chart(rows, _chart(domain), key="error-trend")
        alert_link.button(_alert(group), "alert-error-trend")


def _alert(group: ErrorGroup) -> str:
    """The form of a rule that fires when runs have this error again."""
    text = Path(__file__).with_name("again.sql").read_text("utf-8")
    query = Template(text).substitute(fingerprint=group.id)
    name = f"Again: {headline(group)}"[:120]
    return alert_link.watching_sql(query, name=name, threshold=0, window=3600)


def _chart(domain: Sequence[float]) -> dict[str, Any]:
    scale = {"domain": list(domain), "type": "utc", "nice": False}
    count = {"field": "Errors", "type": "quantitative", "title": None, "axis": {"tickMinStep": 1, "format": "d"}}
    return {
        "mark": {"type": "bar", "color": "#e3a04a", "tooltip": True},
        "encoding": {
            "x": {"field": "From", "type": "temporal", "scale": scale, "axis": TIME_AXIS},
            "x2": {"field": "To"},
            "y": count,
            "y2": {"field": "None"},
        },
        "height": 90,
    }


def _chosen(occurrences: Sequence[Occurrence], span_id: str) -> Occurrence | None:
    """Let the reader choose which error of the group is looked at."""
    by_span = {each.span_id: each for each in occurrences}
    if not by_span:
        return None

    def label(span: str) -> str:
        each = by_span[span]
        return " · ".join(filter(None, (moment(each.at_ns), each.pipeline, each.step, each.run_id)))

    def changed() -> None:
        st.query_params["span"] = st.session_state["error-occurrence"]

    st.session_state["error-occurrence"] = span_id if span_id in by_span else occurrences[0].span_id
    chosen = st.selectbox(
        f"Which error, of the newest {len(by_span)}" if len(by_span) > 1 else "The error",
        list(by_span),
        key="error-occurrence",
        format_func=label,
        on_change=changed,
    )
    return by_span[chosen]


def _situation(group: ErrorGroup, case: Case | None, asked: ErrorScope) -> Situation:
    completed = 0
    if group.category == "silent" and group.pipelines:
        completed = queries.completed_runs(services.current().store, group.pipelines[0], asked.since_ns, asked.until_ns)
    if case is None:
        return Situation(group, step=group.steps[0] if group.steps else "", completed=completed)
    call, attributes = case.run.call, case.facts["SpanAttributes"]
    return Situation(
        group,
        step=case.occurrence.step or (call.span.step_name if call else ""),
        kind=case.run.step_kind,
        provider=call.span.provider if call else "",
        model=call.span.model if call else "",
        max_tokens=call.max_tokens if call else 0,
        finish_reason=call.span.finish_reason if call else "",
        seconds=case.facts["Duration"] / 1e9,
        resends=_whole(attributes.get(semconv.REQUEST_RESEND_COUNT)),
        completed=completed,
    )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _advice(now: Situation) -> None:
    found = advice(now)
    with st.container(border=True, key="error-advice"):
        st.markdown(f"**:material/lightbulb: {_plain(found.title)}**")
        st.caption(f"Why: {found.evidence}")
        for setting in found.settings:
            st.caption(f"{setting.where[0].upper()}{setting.where[1:]}:")
            st.code(setting.text, language=setting.language, wrap_lines=True)


def _plain(text: str) -> str:
    """Words of ours with a name in backticks; nothing else of Markdown is meant."""
    return text.replace("[", "\\[").replace("$", "\\$")
