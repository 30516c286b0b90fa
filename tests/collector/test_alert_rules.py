"""Alert rules judged under a simulated clock: pure, no store."""

import itertools
import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from scipy.stats import median_abs_deviation

from quarterdeck_collector.alerts.baseline import HOUR, WEEK, baseline, noise_before
from quarterdeck_collector.alerts.machine import Circumstances, Event, Sample, State, Status, advance, ended
from quarterdeck_collector.alerts.rules import Rule, RuleError, rule_of

START = 1_800_000_000.0
EVERY = 15.0


def rule(**given: Any) -> Rule:
    return rule_of({"name": "Errors", "measure": "error_rate", "threshold": 0.05, **given}, "errors")


class Clocked:
    """A rule that is looked at every 15 seconds of a simulated clock."""

    def __init__(self, watched: Rule) -> None:
        self.rule, self.state, self.now = watched, State(), START
        self.events: list[Event] = []
        self.muted_until = 0.0

    def look(self, value: float | None, after: float = EVERY) -> Status:
        self.now += after
        around = Circumstances(self.now, 2 * EVERY, muted=self.now < self.muted_until)
        self.state, events = advance(self.rule, self.state, Sample(value, value), around)
        self.events += events
        return self.state.status

    def looks(self, values: Iterable[float | None]) -> list[str]:
        return [str(self.look(value)) for value in values]

    def restart(self) -> None:
        """Remember only what is written down."""
        self.state = State.read(json.loads(json.dumps(self.state.as_dict())))

    @property
    def told(self) -> list[str]:
        return [event.what + (" muted" if event.muted else "") for event in self.events]


def test_a_bad_value_fires_when_it_has_lasted_and_a_good_one_resolves_when_it_has() -> None:
    clocked = Clocked(rule(**{"for": 45}, resolve_for=30))
    found = clocked.looks([0.01, 0.2, 0.2, 0.2, 0.2, 0.2, 0.01, 0.01, 0.01, 0.01])
    assert found == ["ok", *["pending"] * 3, *["firing"] * 4, "ok", "ok"]
    assert [(event.what, event.at - START, event.id) for event in clocked.events] == [
        ("firing", 75, "errors-1-1"),
        ("resolved", 135, "errors-1-2"),
    ]


def test_between_threshold_and_clear_nothing_changes() -> None:
    clocked = Clocked(rule(clear=0.02))
    assert clocked.looks([0.04, 0.06, 0.04, 0.03, 0.06, 0.02]) == ["ok", "firing", "firing", "firing", "firing", "ok"]
    assert clocked.told == ["firing", "resolved"]


def test_flapping_around_the_threshold_tells_once() -> None:
    clocked = Clocked(rule(**{"for": 30}, resolve_for=60))
    clocked.looks([0.2, 0.2, 0.2, *itertools.islice(itertools.cycle([0.01, 0.2]), 200)])
    assert clocked.told == ["firing"]
    never = Clocked(rule(**{"for": 30}))
    never.looks(itertools.islice(itertools.cycle([0.2, 0.01]), 200))
    assert never.told == []


@pytest.mark.parametrize("comparison", ["above", "below"])
def test_a_clean_history_raises_nothing(comparison: str) -> None:
    draw = random.Random(7)  # noqa: S311 - a simulation
    sign = 1 if comparison == "above" else -1
    clocked = Clocked(rule(comparison=comparison, threshold=10, clear=10 - sign))
    clocked.looks(10 - sign * abs(draw.gauss(3, 1)) for _ in range(5000))
    assert clocked.events == []
    assert clocked.state.status is Status.OK


def test_a_restart_in_the_middle_goes_on_where_it_was() -> None:
    """Restarted before every look, the rule does what it does without."""
    draw = random.Random(11)  # noqa: S311 - a simulation
    values = [draw.choice([0.01, 0.03, 0.2, 0.2, None]) for _ in range(400)]
    watched = rule(**{"for": 30}, resolve_for=30, clear=0.02, repeat=120)
    without, restarted = Clocked(watched), Clocked(watched)
    for value in values:
        without.look(value)
        restarted.restart()
        restarted.look(value)
    assert restarted.events == without.events
    assert restarted.state == without.state
    assert len({event.id for event in without.events}) == len(without.events) > 10


def test_what_was_lost_in_a_crash_is_told_again_under_the_same_id() -> None:
    clocked = Clocked(rule())
    clocked.look(0.01)
    before = clocked.state
    clocked.look(0.2)
    clocked.state = before  # the state was not written down any more
    clocked.look(0.2)
    assert [event.id for event in clocked.events] == ["errors-1-1", "errors-1-1"]


def test_while_nobody_looks_nothing_is_seen() -> None:
    clocked = Clocked(rule(**{"for": 300}))
    clocked.look(0.2)
    assert clocked.look(0.2, after=8 * 3600) is Status.PENDING  # a laptop slept: two bad values, not eight bad hours
    assert clocked.state.held == 2 * EVERY
    assert clocked.looks([0.2] * 18)[-1] == "firing"


def test_a_clock_that_jumps_back_delays_nothing_for_good() -> None:
    clocked = Clocked(rule(**{"for": 30}, repeat=600))
    clocked.looks([0.2, 0.2, 0.2])
    assert clocked.look(0.2, after=-86_400) is Status.FIRING
    assert clocked.state.since == clocked.now  # not in the future
    clocked.looks([0.2] * 41)
    assert clocked.told == ["firing", "reminder"]
    pending = Clocked(rule(**{"for": 30}))
    pending.look(0.2)
    assert [pending.look(0.2, after=-3600), *pending.looks([0.2, 0.2])] == ["pending", "pending", "firing"]


@pytest.mark.parametrize(
    ("no_data", "quiet", "firing"),
    [
        ("no_data", ["no data"] * 3, ["firing", "firing", "no data"]),
        ("ok", ["ok"] * 3, ["firing", "firing", "ok"]),
        ("keep", ["ok"] * 3, ["firing"] * 3),
        ("firing", ["firing"] * 3, ["firing"] * 3),
    ],
)
def test_what_it_means_that_there_is_no_value(no_data: str, quiet: list[str], firing: list[str]) -> None:
    watched = rule(no_data=no_data, resolve_for=30)
    clocked = Clocked(watched)
    clocked.look(0.01)
    assert clocked.looks([None] * 3) == quiet
    clocked = Clocked(watched)
    clocked.look(0.2)
    assert clocked.looks([None] * 3) == firing
    if no_data == "no_data":
        assert clocked.events[-1].reason == "no data any more"


def test_a_mute_holds_back_and_what_still_fires_after_it_is_told() -> None:
    clocked = Clocked(rule())
    clocked.muted_until = START + 61
    assert clocked.looks([0.2, 0.2, 0.01, 0.2]) == ["firing", "firing", "ok", "firing"]
    assert clocked.told == ["firing muted", "resolved muted", "firing muted"]
    clocked.looks([0.2, 0.2, 0.01])
    assert clocked.told[3:] == ["firing", "resolved"]
    assert clocked.events[3].reason.startswith("fires since before it was unmuted")


def test_who_was_told_that_it_fires_is_told_its_end_in_spite_of_a_mute() -> None:
    clocked = Clocked(rule(repeat=30))
    clocked.look(0.2)
    clocked.muted_until = START + 10_000
    clocked.looks([0.2] * 20)
    clocked.look(0.01)
    assert clocked.told == ["firing", "resolved"]


def test_reminders_come_as_often_as_was_asked() -> None:
    clocked = Clocked(rule(repeat=60))
    clocked.looks([0.2] * 13)
    assert [(event.what, event.at - START) for event in clocked.events] == [
        ("firing", 15), ("reminder", 75), ("reminder", 135), ("reminder", 195),
    ]  # fmt: skip


def test_a_rule_made_into_another_one_ends_what_it_told() -> None:
    clocked = Clocked(rule())
    clocked.look(0.2)
    clocked.rule = rule(measure="cost", threshold=100)
    assert clocked.look(2.0) is Status.OK
    assert [(event.what, event.reason) for event in clocked.events[1:]] == [("resolved", "the rule was changed")]
    clocked.rule = rule(measure="cost", threshold=1)  # of the same: judged anew, not begun anew
    clocked.look(2.0)
    _, events = ended("errors", clocked.state, Circumstances(clocked.now, EVERY), "the rule was removed")
    ids = [event.id for event in (*clocked.events, *events)]
    assert ids == ["errors-1-1", "errors-1-2", "errors-2-1", "errors-2-2"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"measure": "speed"}, "measure: 'speed' is none of error_rate"),
        ({"clear": 0.1}, "clear: a rule that fires above the threshold resolves below it"),
        ({"comparison": "below", "clear": 0.01}, "resolves above it"),
        ({"measure": "failed_runs", "scope": {"model": "x"}}, "scope: failed_runs cannot be limited to one model"),
        ({"measure": "query"}, "sql: write the query"),
        ({"measure": "query", "sql": "DROP TABLE runs"}, "this interface only reads"),
        ({"sql": "SELECT 1"}, "only the measure 'query' has one"),
        ({"comparison": "unusually_high", "window": 300}, "choose whole hours"),
        ({"comparison": "unusually_high", "measure": "cost_day", "window": 3600}, "has no usual value"),
        ({"measure": "lost_runs", "window": 172_800}, "window: what runs now is kept for 1 day"),
        ({"threshold": float("nan")}, "threshold: Input should be a finite number"),
        ({"name": "a\nb"}, "name: String should match"),
        ({"window": 5}, "window: Input should be greater than or equal to 60"),
    ],
)
def test_a_rule_that_cannot_work_says_why(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError) as refused:
        rule(**given)
    assert said in str(refused.value)


# ------------------------------------------------------------------------------------------------------ what is usual

MONDAY = 1_799_625_600  # a Monday, 00:00 UTC


def office_hours(hour: int, draw: random.Random) -> float:
    """Cost of an hour: little at night and at weekends, much in the day, with noise."""
    since = (hour - MONDAY) // HOUR
    busy = since // 24 % 7 < 5 and 8 <= since % 24 < 18
    return max(0.0, draw.gauss(40, 5) if busy else draw.gauss(2, 0.5))


def history(weeks: int) -> dict[int, float | None]:
    draw = random.Random(3)  # noqa: S311 - a simulation
    return {MONDAY + n * HOUR: office_hours(MONDAY + n * HOUR, draw) for n in range(weeks * 168)}


def scores(values: dict[int, float | None], hours: Sequence[int]) -> list[float]:
    found = [(values[hour], baseline(values, hour, 0)) for hour in hours]
    return [abs(usual.score(value)) for value, usual in found if usual is not None and value is not None]


def test_a_seasonal_history_is_not_unusual_and_a_spike_in_it_is() -> None:
    values = history(12)
    inner = [hour for hour in list(values)[6 * 168 :] if (hour - MONDAY) // HOUR % 24 not in (7, 8, 17, 18)]
    assert max(scores(values, inner)) < 6
    spike = MONDAY + (11 * 168 + 3) * HOUR  # 40 $ is usual by day; this is a Monday at three in the night
    usual = baseline(values, spike, 0)
    assert usual is not None
    assert usual.score(40) > 30
    values[spike - WEEK] = 4000.0  # a spike of last week does not make this week's usual
    again = baseline(values, spike, 0)
    assert again is not None
    assert again.score(40) > 20


def test_deviations_are_those_of_scipy() -> None:
    values = history(8)
    hour = MONDAY + (7 * 168 + 34) * HOUR
    known = [values[hour - week * WEEK + beside * HOUR] for week in range(1, 7) for beside in (-1, 0, 1)]
    usual = baseline(values, hour, 0)
    assert usual is not None
    assert usual.spread == pytest.approx(median_abs_deviation(known, scale="normal"), rel=1e-4)


@pytest.mark.parametrize(
    ("comparison", "found"),
    [
        ("unusually_low", ["ok", "ok", "firing", "firing", "ok"]),
        ("unusually_high", ["ok", "firing", "ok", "ok", "ok"]),
        ("below", ["firing", "ok", "firing", "firing", "firing"]),
    ],
)
def test_what_is_unusually_low_lies_as_many_deviations_below_the_usual(comparison: str, found: list[str]) -> None:
    clocked = Clocked(rule(measure="calls", comparison=comparison, threshold=4, window=HOUR))
    assert clocked.looks([0.5, 9.0, -4.5, -4.2, -3.5]) == found


def test_weeks_that_happen_to_be_alike_make_nothing_unusual() -> None:
    """Sums over a day of a call every few hours: the same day of six weeks says too little about their spread."""
    draw = random.Random(5)  # noqa: S311 - a simulation
    costs = [sum(draw.expovariate(1) for _ in range(9) if draw.random() < 0.02) for _ in range(20 * 168)]
    values: dict[int, float | None] = {MONDAY + n * HOUR: sum(costs[n - 24 : n]) for n in range(24, len(costs))}
    alone, beside = 0, 0
    for hour in range(MONDAY + 7 * WEEK, MONDAY + 20 * WEEK, 6 * HOUR):
        own, usual = baseline(values, hour, 0), baseline(values, hour, 0, noise_before(values, hour))
        assert own is not None
        assert usual is not None
        alone += own.score(values[hour] or 0) > 5
        beside += usual.score(values[hour] or 0) > 5
    assert alone > 5
    assert beside == 0


def test_the_smallest_difference_that_matters_is_enough() -> None:
    watched = rule(measure="cost", comparison="unusually_high", threshold=4, window=HOUR, change=30)
    usual = baseline(history(8), MONDAY + (7 * 168 + 3) * HOUR, watched.least_spread)
    assert usual is not None
    assert [watched.is_bad(usual.score(usual.centre + more)) for more in (29, 31)] == [False, True]


def test_too_little_history_raises_no_alarm() -> None:
    assert baseline(history(2), MONDAY + 2 * WEEK, 0) is None  # two weeks
    assert baseline({MONDAY - week * WEEK: 1.0 for week in range(1, 7)}, MONDAY, 0) is None  # six values
    nothing: dict[int, float | None] = dict.fromkeys(history(6), 0.0)
    assert baseline(nothing, MONDAY + 6 * WEEK, 0) is None  # never anything
    clocked = Clocked(rule(comparison="unusually_high", threshold=4, window=3600, measure="cost"))
    clocked.state, events = advance(clocked.rule, clocked.state, Sample(500.0, None), Circumstances(START, 30))
    assert (clocked.state.status, events) == (Status.NO_DATA, [])
