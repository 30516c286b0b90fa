"""What is remembered of alerts, in ClickHouse: how rules stand, what has happened, and who was told."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quarterdeck_collector.alerts.channels import DASHBOARD
from quarterdeck_collector.alerts.machine import Event, State
from quarterdeck_collector.alerts.messages import Message
from quarterdeck_collector.store import Store

GIVE_UP: Final = 86_400
"""Seconds after which an event is told to nobody who has not been told."""

_DONE: Final = ("delivered", "failed")


@dataclass(frozen=True)
class Standing:
    """What is kept of one rule.

    Args:
        rule_id: Its id.
        name: Its name.
        severity: How bad it is.
        state: How it stands.
        problem: Why it cannot be watched.
        muted_until: Until when nobody is told; 0 for none.
        removed: Whether it is no rule any more.
        rule: As it was saved when it was last looked at.
    """

    rule_id: str
    name: str
    severity: str
    state: State
    problem: str = ""
    muted_until: float = 0.0
    removed: bool = False
    rule: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Telling:
    """An event with what is told of it, and in which channels."""

    event: Event
    name: str
    severity: str
    channels: tuple[str, ...]
    message: Message


@dataclass(frozen=True)
class Due:
    """A message that one channel still has to be given."""

    event_id: str
    channel: str
    at: float
    message: Message
    attempts: int = 0


class Ledger:
    """Reads and writes the tables of alerts; every method blocks.

    Args:
        store: Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = 0

    def standings(self) -> dict[str, Standing]:
        """How every rule stood when last looked at, those that were removed too: none of their ids is used again."""
        rows = self._store.json_rows(
            "SELECT RuleId, Name, Severity, Problem, toFloat64(MutedUntil) AS Muted, State, IsRemoved, "  # noqa: S608 - ours
            f"toString(Version) AS Version FROM {self._store.database}.alert_states FINAL"
        )
        self._version = max([self._version, *(int(row["Version"]) for row in rows)])
        return {row["RuleId"]: _standing(row) for row in rows}

    def remember(self, standings: Iterable[Standing]) -> None:
        """Write down how rules stand; the clock may have jumped back, the newest still wins."""
        self._version = max(time.time_ns(), self._version + 1)
        rows = [_state_row(each, self._version) for each in standings]
        if rows:
            self._store.insert_rows("alert_states", rows)

    def record(self, tellings: Iterable[Telling]) -> None:
        """Write down what has happened: from here on it will be told."""
        rows = [_event_row(each) for each in tellings]
        if rows:
            self._store.insert_rows("alert_events", rows)
            self._store.make_durable()

    def due(self, now: float) -> list[Due]:
        """Give what has not been told yet, oldest first."""
        database = self._store.database
        rows = self._store.json_rows(
            "SELECT e.Id AS Id, Name, toFloat64(e.At) AS At, Message, d.Attempts AS Attempts "  # noqa: S608 - ours
            "FROM (SELECT Id, At, Message, arrayJoin(Channels) AS Name "
            f"FROM {database}.alert_events FINAL "
            f"WHERE NOT IsMuted AND At > toDateTime64({now - GIVE_UP:.3f}, 3)) AS e "
            f"LEFT JOIN (SELECT EventId, Channel, Status, Attempts FROM {database}.alert_deliveries FINAL) AS d "
            f"ON d.EventId = e.Id AND d.Channel = e.Name "
            f"WHERE Name != '{DASHBOARD}' AND d.Status NOT IN {_DONE} ORDER BY e.At, e.Id"
        )
        return [
            Due(row["Id"], row["Name"], float(row["At"]), json.loads(row["Message"]), int(row["Attempts"] or 0))
            for row in rows
        ]

    def note(self, due: Due, status: str, reason: str, now: float) -> None:
        """Write down what became of a delivery: ``delivered``, ``waiting`` or ``failed``."""
        row = {
            "EventId": due.event_id, "Channel": due.channel, "Status": status, "Attempts": due.attempts,
            "Reason": reason[:500], "At": f"{now:.3f}", "Version": time.time_ns(),
        }  # fmt: skip
        self._store.insert_rows("alert_deliveries", [row])
        if status == "delivered":
            self._store.make_durable()


def _standing(row: Mapping[str, Any]) -> Standing:
    kept = json.loads(row["State"])
    return Standing(
        row["RuleId"],
        row["Name"],
        row["Severity"],
        State.read(kept["state"]),
        row["Problem"],
        float(row["Muted"]),
        removed=bool(row["IsRemoved"]),
        rule=kept["rule"],
    )


def _state_row(each: Standing, version: int) -> dict[str, Any]:
    state = each.state
    return {
        "RuleId": each.rule_id,
        "Name": each.name,
        "Severity": each.severity,
        "Status": state.status,
        "Since": _moment(state.since),
        "Value": state.value,
        "Score": state.score,
        "Detail": state.detail,
        "Problem": each.problem,
        "MutedUntil": _moment(each.muted_until),
        "Recent": [[_moment(at), value] for at, value in state.recent],
        "State": json.dumps({"state": state.as_dict(), "rule": dict(each.rule)}),
        "Evaluated": _moment(state.evaluated),
        "IsRemoved": int(each.removed),
        "Version": version,
    }


def _event_row(told: Telling) -> dict[str, Any]:
    event = told.event
    return {
        "Id": event.id,
        "RuleId": event.rule_id,
        "Name": told.name,
        "Severity": told.severity,
        "What": event.what,
        "Incident": event.incident,
        "At": _moment(event.at),
        "Value": event.value,
        "IsMuted": int(event.muted),
        "Reason": event.reason,
        "Title": told.message["title"],
        "Channels": list(told.channels),
        "Message": json.dumps(told.message, ensure_ascii=False),
    }


def _moment(seconds: float) -> str:
    """Write a time as ClickHouse reads it: ten digits before the point."""
    return f"{max(0.0, min(seconds, 9_999_999_999.0)):014.3f}"
