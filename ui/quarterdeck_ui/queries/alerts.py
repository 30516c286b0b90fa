"""Alert rules and how they stand, what they have told, and what screens show of it."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quarterdeck_ui.queries.store import Row, Store


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule with how it stands; times in seconds since the epoch.

    A rule that was not looked at yet, or is switched off, has no status.
    """

    id: str
    body: Mapping[str, Any]
    version: int
    status: str = ""
    since: float = 0.0
    value: float | None = None
    score: float | None = None
    detail: str = ""
    problem: str = ""
    muted_until: float = 0.0
    evaluated: float = 0.0
    recent: tuple[float | None, ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body.get("name") or self.id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event in one channel: ``delivered``, ``waiting`` or ``failed``; empty before the first try."""

    channel: str
    status: str = ""
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that an alert told, or would have told but for a mute."""

    id: str
    rule_id: str
    name: str
    severity: str
    what: str
    title: str
    at: float
    value: float | None
    unit: str
    muted: bool
    text: str
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that fires, or a notice for screens."""

    id: str
    rule: str
    name: str
    severity: str
    what: str
    at: float
    muted: bool
    text: str


@dataclass(frozen=True, slots=True)
class AlertsNow:
    """What every screen is told of alerts."""

    firing: tuple[Alarm, ...] = field(default=())
    notices: tuple[Alarm, ...] = field(default=())


def alert_rules(store: Store) -> list[AlertRule]:
    """Every rule, those that fire first, then by name."""
    order = {"firing": 0, "pending": 1, "no data": 2, "ok": 3}
    rules = [_rule(row) for row in store.ask("alert_rules")]
    return sorted(rules, key=lambda rule: (order.get(rule.status, 4), rule.name.lower(), rule.id))


def alert_history(store: Store, since: float, rule: str = "", limit: int = 500) -> list[AlertEvent]:
    """What was told since a time, seconds since the epoch, by one rule or by any; newest first."""
    rows = store.ask("alert_history", since=int(since * 1000), rule=rule, limit=limit)
    return [_event(row) for row in rows]


def alerts_now(store: Store) -> AlertsNow:
    """What fires now, and what was told to screens in the last minutes."""
    found: dict[int, list[Alarm]] = {0: [], 1: []}
    for row in store.ask("alerts_now"):
        found[row["IsNotice"]].append(
            Alarm(
                row["Id"],
                row["RuleId"],
                row["Name"],
                row["Severity"],
                row["What"],
                row["At"],
                bool(row["IsMuted"]),
                row["Text"],
            )
        )
    firing, notices = (tuple(sorted(found[which], key=lambda each: (each.at, each.id))) for which in (0, 1))
    return AlertsNow(firing, notices)


def alert_scopes(store: Store) -> Mapping[str, Sequence[str]]:
    """Names that rules can be limited to, by what they are names of."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in store.ask("alert_scopes"):
        found[row["Kind"]].append(row["Name"])
    return found


def _rule(row: Row) -> AlertRule:
    return AlertRule(
        row["Id"],
        json.loads(row["Body"]),
        row["Version"],
        row["Status"],
        row["Since"],
        row["Value"],
        row["Score"],
        row["Detail"],
        row["Problem"],
        row["MutedUntil"],
        row["Evaluated"],
        tuple(row["Recent"]),
    )


def _event(row: Row) -> AlertEvent:
    known = {channel: Outcome(channel, status, tries, reason) for channel, status, tries, reason in row["Outcomes"]}
    return AlertEvent(
        row["Id"],
        row["RuleId"],
        row["Name"],
        row["Severity"],
        row["What"],
        row["Title"],
        row["At"],
        row["Value"],
        row["Unit"],
        bool(row["IsMuted"]),
        row["Text"],
        tuple(known.get(each, Outcome(each)) for each in row["Channels"]),
    )
