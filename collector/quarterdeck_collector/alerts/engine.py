"""Looks at every rule, one after the other: reads, judges, writes down what has changed, says what is to be told."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from quarterdeck_collector.alerts.channels import DASHBOARD
from quarterdeck_collector.alerts.ledger import Due, Ledger, Standing, Telling
from quarterdeck_collector.alerts.machine import Circumstances, Event, State, advance, ended
from quarterdeck_collector.alerts.messages import message
from quarterdeck_collector.alerts.reading import Reader
from quarterdeck_collector.alerts.rules import Rule, RuleError, rule_of
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.saved import SavedObject, SavedObjects

log = logging.getLogger("quarterdeck.collector")

RULE: Final = "alert_rule"
MUTE: Final = "alert_mute"
"""Kinds of saved objects. A mute has the id of its rule, or :data:`ALL`, and says ``until`` when, in seconds."""

ALL: Final = "all"


class Engine:
    """Every rule of a store; used by one thread at a time.

    Args:
        saved: Where rules and mutes are.
        ledger: What is remembered.
        reader: Reads values.
        ui_url: Dashboard that messages link to.
        clock: Seconds since the epoch; may jump.
        every: Seconds between two looks.
    """

    def __init__(
        self,
        saved: SavedObjects,
        ledger: Ledger,
        reader: Reader,
        ui_url: str,
        *,
        clock: Callable[[], float],
        every: float,
    ) -> None:
        self._saved = saved
        self._ledger = ledger
        self._reader = reader
        self._ui_url = ui_url
        self._clock = clock
        self._longest_step = 2 * every
        self._standings: dict[str, Standing] | None = None

    def forget(self) -> None:
        """Read how the rules stand anew at the next look: somebody else may have looked meanwhile."""
        self._standings = None

    def look(self) -> list[Due]:
        """Look at every rule once.

        Returns:
            What is to be delivered; it is written down already.

        Raises:
            StoreError: If ClickHouse does not answer: then nothing was changed.
        """
        if self._standings is None:
            self._standings = self._ledger.standings()
        saved = {each.id: each for each in self._saved.all(RULE)}
        known = {rule_id for rule_id, standing in self._standings.items() if not standing.removed}
        if not saved and not known:
            return []
        mutes = {each.id: _until(each) for each in self._saved.all(MUTE)}
        found: list[tuple[Standing, list[Telling]]] = []
        for rule_id in sorted(saved.keys() | known):
            now = self._clock()
            until = max(mutes.get(rule_id, 0.0), mutes.get(ALL, 0.0))
            around = Circumstances(now, self._longest_step, muted=until > now)
            muted_until = until if until > now else 0.0
            found.append(self._one(rule_id, saved.get(rule_id), around, muted_until))
        tellings = [telling for _, told in found for telling in told]
        self._ledger.record(tellings)  # first: made again after a crash, they have the same ids
        self._ledger.remember(standing for standing, _ in found)
        self._standings |= {standing.rule_id: standing for standing, _ in found}
        return [due for telling in tellings for due in _dues(telling)]

    def _one(
        self, rule_id: str, saved: SavedObject | None, around: Circumstances, muted_until: float
    ) -> tuple[Standing, list[Telling]]:
        before = (self._standings or {}).get(rule_id) or Standing(rule_id, rule_id, "", State())
        if saved is None:
            return self._leave(before, around, "the rule was removed")
        name = str(saved.body.get("name") or rule_id)[:200]
        try:
            rule = rule_of(saved.body, rule_id)
        except RuleError as error:
            return replace(before, name=name, problem=f"the rule cannot be used: {error}"), []
        if not rule.enabled:
            return self._leave(before, around, "the rule was switched off")
        standing = Standing(
            rule_id,
            rule.name,
            rule.severity,
            before.state,
            muted_until=muted_until,
            rule=rule.model_dump(mode="json", by_alias=True),
        )
        try:
            sample = self._reader.now(rule, around.now)
        except (StoreError, ValueError, TypeError) as error:
            problem = f"its value cannot be read: {error}"
            if problem != before.problem:
                log.warning("alert rule %s: %s", rule.name, problem)
            return replace(standing, problem=problem), []
        state, events = advance(rule, before.state, sample, around)
        return replace(standing, state=state), [self._telling(rule, event) for event in events]

    def _leave(self, before: Standing, around: Circumstances, reason: str) -> tuple[Standing, list[Telling]]:
        state, events = ended(before.rule_id, before.state, around, reason)
        try:
            rule = rule_of(before.rule, before.rule_id)
        except RuleError:  # it never was one, and has told nobody
            return replace(before, state=state, removed=True), []
        return replace(before, state=state, removed=True), [self._telling(rule, event) for event in events]

    def _telling(self, rule: Rule, event: Event) -> Telling:
        log.info("alert %s: %s%s", event.what, rule.name, " (muted)" if event.muted else "")
        return Telling(event, rule.name, rule.severity, rule.channels, message(rule, event, self._ui_url))


def _until(mute: SavedObject) -> float:
    until = mute.body.get("until")
    return float(until) if isinstance(until, int | float) and not isinstance(until, bool) else 0.0


def _dues(telling: Telling) -> list[Due]:
    if telling.event.muted:
        return []
    channels: Mapping[str, None] = dict.fromkeys(telling.channels)
    return [Due(telling.event.id, each, telling.event.at, telling.message) for each in channels if each != DASHBOARD]
