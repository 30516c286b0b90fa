"""A rule in a form, beside what it would have done in the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from quarterdeck.amounts import amount
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.alerts import acts, client
from quarterdeck_ui.pages.alerts.client import CHANNEL, Measures
from quarterdeck_ui.pages.alerts.draft import SCOPES, defaults, from_address, new_id
from quarterdeck_ui.pages.alerts.preview_chart import chart
from quarterdeck_ui.pages.alerts.rules import chosen_rule
from quarterdeck_ui.pages.alerts.words import COMPARISONS, NO_DATA, SEVERITIES, WINDOWS, ago, plain
from quarterdeck_ui.queries import alert_scopes
from quarterdeck_ui.saved import SavedError

_DAYS: Final = {1: "1 day", 7: "7 days", 30: "30 days"}
_WAITS: Final = {0: "at once", 60: "1 minute", 120: "2 minutes", 300: "5 minutes", 900: "15 minutes", 3600: "1 hour"}
_REPEATS: Final = {0: "never", 3600: "every hour", 14_400: "every 4 hours", 86_400: "every day"}
_HOUR: Final = 3600
_DAY: Final = 86_400
_DASHBOARD: Final = "dashboard"
_SYMBOLS: Final = {"share": "%", "usd": "USD", "seconds": "seconds", "tokens": "tokens"}
_SHOWN_INCIDENTS: Final = 8


@dataclass(frozen=True)
class Editing:
    """What is edited.

    Args:
        key: Begins the names of the widgets: another rule has others.
        rule_id: Id of a saved rule; empty for a new one.
        version: That it replaces.
        begin: What the form begins with.
    """

    key: str
    rule_id: str
    version: int
    begin: Mapping[str, Any]


def show() -> None:
    """Draw the editor of the rule in the address, or of a new one."""
    editing = _editing()
    if editing is None:
        st.warning("This rule is not there any more.", icon=":material/search_off:")
        _back()
        return
    known = client.measures()
    form, trial = st.columns([5, 6], gap="large")
    with form:
        title = "Change a rule" if identity.steers() else "The rule"
        st.subheader(title if editing.rule_id else "New rule", anchor=False)
        body = _form(editing, known)
        _buttons(editing, body)
    with trial:
        _trial(body, known)


def _editing() -> Editing | None:
    query = st.query_params
    if query.get("new"):
        begin = from_address(query.to_dict())
        key = "new-" + "-".join(f"{name}={query[name]}" for name in sorted(query) if name != "range")
        return Editing(key[:200], "", 0, begin)
    rule = chosen_rule(query.get("rule", ""))
    if rule is None:
        return None
    begin = {**defaults(str(rule.body.get("measure"))), "clear": None, **rule.body}
    return Editing(f"rule-{rule.id}-{rule.version}", rule.id, rule.version, begin)


def _back() -> None:
    if st.button("Back to the rules", icon=":material/arrow_back:", key="alert-back"):
        acts.turn()
        st.rerun()


# ------------------------------------------------------------------------------------------------------------ the form


def _form(editing: Editing, known: Measures) -> dict[str, Any]:
    begin, key = editing.begin, editing.key
    name = st.text_input(
        "Name", begin["name"], key=f"{key}-name", placeholder="Error rate of the digest", max_chars=200
    )
    names = list(known)
    measure = st.selectbox(
        "Watch",
        names,
        index=names.index(begin["measure"]) if begin["measure"] in names else 0,
        format_func=lambda each: str(known[each]["title"]),
        key=f"{key}-measure",
    )
    what = known[measure]
    sql = _query(begin, key) if measure == "query" else ""
    scope = _scope(begin, key, what)
    limits = _limits(begin, key, measure, what)
    patience = _patience(begin, key, what)
    telling = _telling(begin, key)
    shown = name.strip() or f"{what['title']} {limits['comparison'].replace('_', ' ')}"
    return {"name": shown, "measure": measure, "sql": sql, "scope": scope, **limits, **patience, **telling}


def _query(begin: Mapping[str, Any], key: str) -> str:
    return st.text_area(
        "Query",
        begin.get("sql") or "SELECT count() FROM runs WHERE End > {since:DateTime} AND End <= {until:DateTime}",
        key=f"{key}-sql",
        height=140,
        help="The first value of the first row counts; no row is no data. {since:DateTime} and {until:DateTime} are "
        "the ends of the window.",
    )


def _scope(begin: Mapping[str, Any], key: str, what: Mapping[str, Any]) -> dict[str, str]:
    allowed = [name for name in SCOPES if name in what["scope"]]
    given = begin.get("scope") or {}
    if not allowed:
        return {}
    names = alert_scopes(services.current().store)
    found: dict[str, str] = {}
    with st.expander("Only for", expanded=bool(given), icon=":material/filter_alt:"):
        columns = st.columns(2)
        for number, name in enumerate(allowed):
            options = list(dict.fromkeys([*filter(None, [given.get(name)]), *names.get(name, [])]))
            chosen = columns[number % 2].selectbox(
                name.capitalize(),
                options,
                index=0 if given.get(name) else None,
                placeholder="any",
                accept_new_options=True,
                key=f"{key}-scope-{name}",
            )
            if chosen:
                found[name] = chosen
    return found


def _limits(begin: Mapping[str, Any], key: str, measure: str, what: Mapping[str, Any]) -> dict[str, Any]:
    unit = str(what["unit"])
    usual = not (what["period"] or what["kept"] or measure in ("query", "new_error_groups"))
    comparisons = [each for each in COMPARISONS if usual or not each.startswith("unusually")]
    left, right = st.columns(2)
    comparison = left.selectbox(
        "Fires when it is",
        comparisons,
        index=_at(comparisons, begin["comparison"]),
        format_func=lambda each: COMPARISONS[each],
        key=f"{key}-comparison",
    )
    unusual = comparison.startswith("unusually")
    same = measure == begin["measure"] and comparison.startswith("unusually") == str(begin["comparison"]).startswith(
        "unusually"
    )
    first = begin if same else defaults(measure, comparison)
    factor = 100.0 if unit == "share" and not unusual else 1.0
    label = (
        "Deviations from the usual" if unusual else f"Threshold ({_SYMBOLS[unit]})" if unit in _SYMBOLS else "Threshold"
    )
    place = f"{key}-{measure}-{unusual}"
    threshold = right.number_input(
        label, value=float(first["threshold"]) * factor, key=f"{place}-threshold", format="%g"
    )
    clear = left.number_input(
        "Resolves at",
        value=None if first.get("clear") is None else float(first["clear"]) * factor,
        key=f"{place}-clear",
        placeholder="the threshold",
        format="%g",
        help="Farther from the threshold, so that a value that wavers around it does not tell you twice.",
    )
    found = {
        "comparison": comparison,
        "threshold": threshold / factor,
        "clear": None if clear is None else clear / factor,
    }
    found["window"] = _window(begin if same else first, right, place, what, unusual=unusual)
    if unusual:
        found["change"] = st.number_input(
            f"Smallest difference that matters ({_SYMBOLS.get(unit, unit)})",
            value=float(first.get("change") or 0) * (100 if unit == "share" else 1),
            min_value=0.0,
            key=f"{place}-change",
            format="%g",
        ) / (100 if unit == "share" else 1)
    if what["of"]:
        found["least"] = int(
            left.number_input(
                f"At least so many {'runs' if what['of'] == 'Runs' else 'calls'}",
                value=int(first.get("least") or 1),
                min_value=1,
                key=f"{place}-least",
                help="With fewer, a share or a percentile says little: then there is no value.",
            )
        )
    return found


def _window(begin: Mapping[str, Any], column: Any, place: str, what: Mapping[str, Any], *, unusual: bool) -> int:
    if what["period"]:
        column.text_input("Over", f"the {what['period']} so far (UTC)", disabled=True, key=f"{place}-period")
        return int(begin.get("window") or 300)
    options = [each for each in WINDOWS if not unusual or _HOUR <= each <= _DAY]
    given = int(begin.get("window") or options[0])
    options = options if given in options or unusual else sorted([*options, given])
    return int(
        column.selectbox(
            "Over the last",
            options,
            index=_at(options, given),
            format_func=lambda each: WINDOWS.get(each) or ago(each),
            key=f"{place}-window",
        )
    )


def _patience(begin: Mapping[str, Any], key: str, what: Mapping[str, Any]) -> dict[str, Any]:
    left, right = st.columns(2)
    found: dict[str, Any] = {
        "for": _seconds(left, "Fires after", begin.get("for"), f"{key}-for", "How long the value has to be bad."),
        "resolve_for": _seconds(
            right, "Resolves after", begin.get("resolve_for"), f"{key}-resolve", "How long it has to be good again."
        ),
    }
    if what["of"] or not what["scope"]:
        names = list(NO_DATA)
        found["no_data"] = left.selectbox(
            "Without data",
            names,
            index=_at(names, begin.get("no_data")),
            format_func=lambda each: NO_DATA[each],
            key=f"{key}-no-data",
        )
    return found


def _seconds(column: Any, label: str, given: Any, key: str, why: str) -> int:
    options = sorted({*_WAITS, int(given or 0)})
    index = options.index(int(given or 0))
    return int(
        column.selectbox(
            label, options, index=index, format_func=lambda each: _WAITS.get(each) or ago(each), key=key, help=why
        )
    )


def _telling(begin: Mapping[str, Any], key: str) -> dict[str, Any]:
    channels = {_DASHBOARD: "Dashboard"} | {
        each.id: str(each.body.get("name") or each.id) for each in services.current().saved.all(CHANNEL)
    }
    chosen = st.multiselect(
        "Tell",
        list(channels),
        [each for each in begin.get("channels", ()) if each in channels],
        format_func=lambda each: channels[each],
        key=f"{key}-channels",
        placeholder="nobody: it is only shown here",
    )
    left, right = st.columns(2)
    severity = left.selectbox(
        "Severity", SEVERITIES, index=_at(SEVERITIES, begin.get("severity")), key=f"{key}-severity"
    )
    repeats = sorted({*_REPEATS, int(begin.get("repeat") or 0)})
    repeat = right.selectbox(
        "Tell again while it fires",
        repeats,
        index=repeats.index(int(begin.get("repeat") or 0)),
        format_func=lambda each: _REPEATS.get(each) or f"every {ago(each)}",
        key=f"{key}-repeat",
    )
    note = st.text_area("What to do then", str(begin.get("note") or ""), key=f"{key}-note", max_chars=4000, height=70)
    return {
        "channels": chosen,
        "severity": severity,
        "repeat": repeat,
        "note": note,
        "enabled": bool(begin.get("enabled", True)),
    }


def _at(options: Sequence[Any], value: Any) -> int:
    return options.index(value) if value in options else 0


def _buttons(editing: Editing, body: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, key="editor-buttons"):
        if identity.offers("Saving a rule") and st.button(
            "Save rule", type="primary", icon=":material/check:", key="alert-save"
        ):
            rule_id = editing.rule_id or new_id(str(body["name"]))
            if acts.tried(lambda: acts.save(rule_id, body, editing.version), f"{body['name']} is watched."):
                acts.turn(rule=rule_id)
                st.rerun()
        _back()


# ----------------------------------------------------------------------------------------------------------- the trial


def _trial(body: Mapping[str, Any], known: Measures) -> None:
    what = known[body["measure"]]
    with st.container(horizontal=True, vertical_alignment="center", key="trial-head"):
        st.subheader("What it would have done", anchor=False)
        days = st.segmented_control(
            "Days", list(_DAYS), default=7, format_func=lambda each: _DAYS[each], key="trial-days",
            label_visibility="collapsed", required=True,
        )  # fmt: skip
    try:
        found = client.preview(body, float(days or 7))
    except SavedError as error:
        st.warning(plain(str(error)), icon=":material/edit_note:")
        return
    unit = str(what["unit"])
    incidents = found["incidents"]
    count = len(incidents)
    words = f"fired **{count}** {'time' if count == 1 else 'times'}" if count else "**not** have fired"
    st.markdown(f"In the last {_DAYS[days or 7]} it would {'have ' if count else ''}{words}.")
    if not any(each["value"] is not None for each in found["points"]):
        st.info("There was no value in this time. It will be watched from now on.", icon=":material/help:")
    else:
        st.vega_lite_chart(chart(found, body, unit, str(what["title"])), width="stretch", key="trial-chart")
    if incidents:
        st.dataframe(
            [_incident(each, unit) for each in incidents[-_SHOWN_INCIDENTS:][::-1]],
            hide_index=True,
            width="stretch",
            key="trial-incidents",
        )
    remark = f"Looked at every {ago(found['step'])} here; the collector looks more often. {found['remark']}"
    st.caption(remark.strip())


def _incident(each: Mapping[str, Any], unit: str) -> dict[str, str]:
    ended = each["resolved"]
    return {
        "fired (UTC)": _moment(each["fired"]),
        "lasted": ago(ended - each["fired"]) if ended else "until now",
        "worst": amount(each["worst"], unit),
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M")
