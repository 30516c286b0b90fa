"""How a rule goes from ok over pending to firing and back: pure, so that a simulated clock can try everything."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final

from quarterdeck_collector.alerts.rules import NoData, Rule

RECENT: Final = 60
"""How many of the newest values are kept beside a state, for a small curve."""


class Status(StrEnum):
    """How a rule stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no data"


class What(StrEnum):
    """What a notification tells."""

    FIRING = "firing"
    REMINDER = "reminder"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Sample:
    """What one look at a measure found.

    Args:
        value: In the measure's unit; None where there is none.
        score: What is compared with the threshold: the value, or its distance from the usual in deviations.
        detail: More, for people.
        usual: Lowest and highest value that would not be unusual.
    """

    value: float | None
    score: float | None
    detail: str = ""
    usual: tuple[float, float] | None = None


@dataclass(frozen=True)
class State:
    """What is remembered of a rule between two looks; times in seconds since the epoch.

    Args:
        status: How it stands.
        since: Since when.
        held: For how many observed seconds what would change the status has been so; None if it is not.
        evaluated: Last look.
        value: What it found.
        score: What was compared.
        detail: More about it.
        subject: What the state is about.
        incident: How often it has fired.
        told: Notifications of this incident.
        open: Whether somebody was told that it fires, and not yet that it does no more.
        told_at: When somebody was last told.
        recent: The newest values with their times.
    """

    status: Status = Status.OK
    since: float = 0.0
    held: float | None = None
    evaluated: float = 0.0
    value: float | None = None
    score: float | None = None
    detail: str = ""
    subject: str = ""
    incident: int = 0
    told: int = 0
    open: bool = False
    told_at: float = 0.0
    recent: tuple[tuple[float, float | None], ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        return asdict(self)

    @classmethod
    def read(cls, given: dict[str, Any]) -> "State":
        """Read what :meth:`as_dict` wrote; what a newer version added is left out."""
        known = {each.name: given[each.name] for each in fields(cls) if each.name in given}
        recent = tuple((float(at), value) for at, value in known.pop("recent", ()))
        return cls(**{**known, "status": Status(known.get("status", "ok")), "recent": recent})


@dataclass(frozen=True)
class Event:
    """Something to tell and to remember.

    Args:
        id: The same however often it is made, so that what is told twice can be recognised.
        what: Kind.
        rule_id: Of which rule.
        incident: Which firing of it.
        at: When, seconds since the epoch.
        value: What was measured.
        score: What was compared.
        muted: Whether nobody is told.
        reason: More, for people.
    """

    id: str
    what: What
    rule_id: str
    incident: int
    at: float
    value: float | None
    score: float | None
    muted: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Circumstances:
    """Of one look.

    Args:
        now: Seconds since the epoch; may have jumped either way.
        longest_step: Most seconds that the time since the last look counts for: while nobody looked, nothing was seen.
        muted: Whether nobody is told now.
    """

    now: float
    longest_step: float
    muted: bool = False


def advance(rule: Rule, before: State, sample: Sample, around: Circumstances) -> tuple[State, list[Event]]:
    """Take one look into account.

    Args:
        rule: What it is judged by.
        before: What is remembered.
        sample: What was found.
        around: When, and how.

    Returns:
        What is to be remembered, and what is to be told.
    """
    events: list[Event] = []
    state = before
    if before.subject not in ("", rule.subject):
        state, events = _restarted(rule, before, around)
    verdict = _verdict(rule, sample)
    status, held = _next(rule, state, verdict, _elapsed(state, around))
    turned = status is not state.status
    fires = turned and status is Status.FIRING
    state = replace(
        state,
        status=status,
        since=around.now if turned or not state.since else min(state.since, around.now),
        held=held,
        evaluated=around.now,
        value=sample.value,
        score=sample.score,
        detail=sample.detail,
        subject=rule.subject,
        incident=state.incident + fires,
        told=0 if fires else state.told,
        told_at=min(state.told_at, around.now),
        recent=(*state.recent, (around.now, sample.value))[-RECENT:],
    )
    for what, muted, reason in _to_tell(
        rule, state, before_status=before.status if not events else Status.OK, around=around
    ):
        state, event = _told(rule, state, what, around, muted=muted, reason=reason)
        events.append(event)
    return state, events


def ended(rule_id: str, before: State, around: Circumstances, reason: str) -> tuple[State, list[Event]]:
    """Take leave of a rule that was removed, switched off or made into another one.

    Args:
        rule_id: Of which rule.
        before: What is remembered.
        around: When, and how.
        reason: Why, for whoever was told that it fires.
    """
    after = State(incident=before.incident, told=before.told, evaluated=around.now, since=around.now, open=before.open)
    if before.status is not Status.FIRING:
        return replace(after, open=False), []
    told = Event(
        f"{rule_id}-{before.incident}-{before.told + 1}", What.RESOLVED, rule_id, before.incident, around.now,
        before.value, before.score, muted=not before.open, reason=reason,
    )  # fmt: skip
    return replace(after, open=False, told=before.told + 1), [told]


def _restarted(rule: Rule, before: State, around: Circumstances) -> tuple[State, list[Event]]:
    return ended(rule.id, before, around, "the rule was changed")


def _elapsed(state: State, around: Circumstances) -> float:
    return min(max(around.now - state.evaluated, 0.0), around.longest_step)


class _Verdict(StrEnum):
    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"
    NOTHING = "nothing"
    KEEP = "keep"


_NOTHING: Final = {
    NoData.NO_DATA: _Verdict.NOTHING,
    NoData.OK: _Verdict.GOOD,
    NoData.KEEP: _Verdict.KEEP,
    NoData.FIRING: _Verdict.BAD,
}


def _verdict(rule: Rule, sample: Sample) -> _Verdict:
    if sample.score is None:
        return _NOTHING[rule.no_data]
    if rule.is_bad(sample.score):
        return _Verdict.BAD
    return _Verdict.GOOD if rule.is_good(sample.score) else _Verdict.BETWEEN


def _next(rule: Rule, state: State, verdict: _Verdict, elapsed: float) -> tuple[Status, float | None]:
    """Give the status after a look, and for how long what would change it has been so."""
    if verdict is _Verdict.KEEP:
        return state.status, state.held
    if state.status is Status.FIRING:
        if verdict not in (_Verdict.GOOD, _Verdict.NOTHING):
            return Status.FIRING, None
        held = 0.0 if state.held is None else state.held + elapsed
        if held < rule.resolve_for:
            return Status.FIRING, held
        return (Status.NO_DATA if verdict is _Verdict.NOTHING else Status.OK), None
    if verdict is _Verdict.BAD:
        held = state.held + elapsed if state.status is Status.PENDING and state.held is not None else 0.0
        return (Status.FIRING, None) if held >= rule.hold else (Status.PENDING, held)
    return (Status.NO_DATA if verdict is _Verdict.NOTHING else Status.OK), None


def _to_tell(
    rule: Rule, state: State, *, before_status: Status, around: Circumstances
) -> Iterator[tuple[What, bool, str]]:
    """Give what is to be told, whether it is muted, and what to add."""
    firing, fired = state.status is Status.FIRING, before_status is Status.FIRING
    if firing and not state.open and (not fired or not around.muted):
        yield (
            What.FIRING,
            around.muted,
            state.detail if not fired else f"fires since before it was unmuted. {state.detail}".strip(),
        )
    elif firing and state.open and rule.repeat and around.now - state.told_at >= rule.repeat and not around.muted:
        yield What.REMINDER, False, state.detail
    elif fired and not firing:
        reason = "no data any more" if state.status is Status.NO_DATA else ""
        yield What.RESOLVED, not state.open, reason


def _told(
    rule: Rule, state: State, what: What, around: Circumstances, *, muted: bool, reason: str
) -> tuple[State, Event]:
    number = state.told + 1
    event = Event(
        f"{rule.id}-{state.incident}-{number}", what, rule.id, state.incident, around.now, state.value, state.score,
        muted=muted, reason=reason,
    )  # fmt: skip
    is_open = what is not What.RESOLVED and (state.open or not muted)
    return replace(state, told=number, open=is_open, told_at=around.now if not muted else state.told_at), event
