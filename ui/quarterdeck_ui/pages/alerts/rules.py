"""The list of rules: how each stands, since when, and what it saw."""

import time
from collections import Counter

import streamlit as st

from quarterdeck.amounts import amount
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.alerts import acts
from quarterdeck_ui.pages.alerts.client import ALL, Measures, condition, measures
from quarterdeck_ui.pages.alerts.sparkline import sparkline
from quarterdeck_ui.pages.alerts.words import OFF, SIGNS, UNREADABLE, Sign, about, ago, plain, threshold
from quarterdeck_ui.queries import AlertRule, alert_rules

_EVERY_S = 4.0
BEGINNINGS = {
    "Error rate above 10 %": {"measure": "error_rate", "name": "Error rate"},
    "Budget of a day": {"measure": "cost_day", "name": "Budget of a day"},
    "Unusual cost": {"measure": "cost", "comparison": "unusually_high", "name": "Unusual cost"},
    "Slow calls": {"measure": "latency_p95", "name": "Slow calls"},
    "Stuck runs": {"measure": "stuck_runs", "name": "Stuck runs"},
    "Lost runs": {"measure": "lost_runs", "name": "Lost runs"},
    "A new kind of error": {"measure": "new_error_groups", "name": "A new kind of error"},
}
"""Links for whoever has no rule yet."""


def show() -> None:
    """Draw the list, and draw it anew every few seconds."""
    _bar()
    _list()


def _bar() -> None:
    until = acts.muted_all()
    with st.container(horizontal=True, vertical_alignment="center", key="alert-bar"):
        steers = identity.offers("Making or changing a rule")
        if steers and st.button("New rule", icon=":material/add:", type="primary", key="new-rule"):
            acts.turn(new="1")
            st.rerun()
        if until:
            st.badge(f"All muted for {ago(until - time.time())}", icon=":material/notifications_off:", color="orange")
        if not steers:
            return
        if until:
            if st.button("Unmute all", key="unmute-all") and acts.tried(lambda: acts.mute(ALL, 0), "Unmuted."):
                st.rerun()
            return
        chosen = st.menu_button(
            "Mute all",
            list(acts.MUTES),
            icon=":material/notifications_off:",
            key="mute-all",
            format_func=lambda each: f"for {each}",
        )
        if chosen and acts.tried(
            lambda: acts.mute(ALL, acts.MUTES[chosen]), "Nobody is told of any alert for a while."
        ):
            st.rerun()


@st.fragment(run_every=_EVERY_S)
def _list() -> None:
    found, known = alert_rules(services.current().store), measures()
    if problem := condition().get("problem"):
        st.warning(f"**The rules are not watched now:** {plain(problem)}", icon=":material/warning:")
    if not found:
        _beginnings()
        return
    _summary(found)
    chosen = st.query_params.get("rule", "")
    for rule in found:
        with st.container(border=True, key=f"rule-{rule.id}"):
            _row(rule, known, marked=rule.id == chosen)


def _beginnings() -> None:
    st.info(
        "No rule yet. A rule watches one number, such as the error rate or the cost of a day, and tells you when it is "
        "out of bounds, whether this page is open or not." + (" Begin with one of these:" if identity.steers() else ""),
        icon=":material/notifications:",
    )
    if not identity.steers():
        return
    with st.container(horizontal=True, key="beginnings"):
        for title, query in BEGINNINGS.items():
            if st.button(title, icon=":material/add_alert:", key=f"begin-{query['name']}"):
                acts.turn(new="1", **query)
                st.rerun(scope="app")


def _summary(found: list[AlertRule]) -> None:
    counts = Counter(map(_sign, found))
    words = [f":{sign.colour}[{sign.icon} **{count}** {sign.word.lower()}]" for sign, count in counts.items()]
    st.markdown(" &nbsp; ".join(words))


def _row(rule: AlertRule, known: Measures, *, marked: bool) -> None:
    measure = known.get(str(rule.body.get("measure")), {})
    unit = str(measure.get("unit", "count"))
    enabled = bool(rule.body.get("enabled", True))
    sign = _sign(rule)
    left, middle, right, curve, more = st.columns([1.5, 4.6, 1.5, 1.3, 0.6], vertical_alignment="center")
    with left, st.container(gap=None):
        st.badge(sign.word, icon=sign.icon, color=sign.colour)
        st.caption(_since(rule, enabled=enabled))
    with middle, st.container(gap=None):
        mark = ":material/arrow_right: " if marked else ""
        st.markdown(f"{mark}**{plain(rule.name)}** :gray[{rule.body.get('severity', 'warning')}]")
        st.caption(plain(about(rule.body, measure)))
        if rule.problem and enabled:
            st.markdown(f":orange[:material/warning: {plain(rule.problem[:300])}]")
        elif rule.detail and rule.status in ("firing", "pending", "no data"):
            st.caption(plain(rule.detail[:300]))
    with right, st.container(gap=None):
        st.markdown(f"**{plain(amount(rule.value, unit))}**")
        st.caption(plain(threshold(rule.body, unit)))
    with curve:
        unusual = str(rule.body.get("comparison")).startswith("unusually")
        limit = None if unusual else float(rule.body.get("threshold") or 0)
        if drawn := sparkline(rule.recent, limit, "the newest values"):
            st.image(drawn, alt="Its newest values as a curve")
    with more:
        _menu(rule, enabled=enabled)


def _sign(rule: AlertRule) -> Sign:
    if not rule.body.get("enabled", True):
        return OFF
    return UNREADABLE if rule.problem else SIGNS.get(rule.status, SIGNS[""])


def _since(rule: AlertRule, *, enabled: bool) -> str:
    muted = rule.muted_until - time.time()
    told = [f"for {ago(time.time() - rule.since)}"] if rule.since and enabled else []
    told += [f":material/notifications_off: muted for {ago(muted)}"] if muted > 0 else []
    return " · ".join(told) or ("" if enabled else "switched off")


def _menu(rule: AlertRule, *, enabled: bool) -> None:
    muted = rule.muted_until > time.time()
    options = ["Edit", *(["Unmute"] if muted else [f"Mute for {each}" for each in acts.MUTES]), "History", "Copy"]
    options += ["Switch off" if enabled else "Switch on", "Delete"]
    if not identity.steers():
        options = ["Look at it", "History"]
    chosen = st.menu_button(
        plain(f"Actions of {rule.name}"), options, icon=":material/more_vert:", key=f"menu-{rule.id}"
    )
    if chosen:
        _act(rule, chosen)
        st.rerun(scope="app")


def _act(rule: AlertRule, chosen: str) -> None:
    match chosen:
        case "Edit" | "Look at it":
            acts.turn(rule=rule.id, edit="1")
        case "History":
            acts.turn(rule=rule.id, tab="History")
        case "Copy":
            acts.tried(lambda: acts.copy(rule), "Copied, and switched off until you switch it on.")
        case "Switch off" | "Switch on":
            acts.tried(lambda: acts.change(rule, enabled=chosen == "Switch on"))
        case "Delete":
            acts.tried(lambda: acts.remove(rule), f"{rule.name} is deleted.")
        case "Unmute":
            acts.tried(lambda: acts.mute(rule.id, 0), "Unmuted.")
        case _:
            length = acts.MUTES[chosen.removeprefix("Mute for ")]
            acts.tried(lambda: acts.mute(rule.id, length), f"{rule.name} is muted.")


def chosen_rule(rule_id: str) -> AlertRule | None:
    """The rule of an id.

    Raises:
        StoreError: ClickHouse is away.
    """
    return next((rule for rule in alert_rules(services.current().store) if rule.id == rule_id), None)
