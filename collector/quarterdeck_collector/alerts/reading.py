"""Asks ClickHouse for the value of a rule: now, or at many times of the past."""

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Final

from quarterdeck import semconv
from quarterdeck_collector.alerts.baseline import BESIDE, HOUR, WEEK, WEEKS, Baseline, baseline, noise_before
from quarterdeck_collector.alerts.machine import Sample
from quarterdeck_collector.alerts.measures import Row
from quarterdeck_collector.alerts.rules import DAY, MINUTE, Rule
from quarterdeck_collector.store import Store

GRACE: Final = 30
"""Seconds after its last heartbeat from which a run counts as lost; they come every second."""

MOST_QUERIES: Final = 200
"""How often a query of a user's own is asked for a look back."""

LEARNING: Final = 60
"""Seconds that it may take to learn, once an hour, what is usual."""

_LONG: Final = DAY
"""Seconds from which a window is summed up from hours."""

_ENDED: Final = (semconv.EVENT_PIPELINE_COMPLETED, semconv.EVENT_PIPELINE_ERROR)
_MONTH: Final = 31 * DAY


@dataclass(frozen=True)
class Grid:
    """Times at which a value is wanted: ``count`` of them, ``step`` seconds apart, from ``first`` on."""

    first: int
    step: int
    count: int

    @property
    def last(self) -> int:
        """The last of them."""
        return self.first + (self.count - 1) * self.step

    def at(self, number: int) -> int:
        """Give one of them."""
        return self.first + number * self.step


class Reader:
    """Reads rules.

    Args:
        store: Where.
        seconds: Longest that one query may take.
    """

    def __init__(self, store: Store, seconds: int = 10) -> None:
        self._store = store
        self._seconds = seconds
        self._learnt: dict[str, tuple[str, Baseline | None]] = {}

    def now(self, rule: Rule, now: float) -> Sample:
        """Read a rule's value at a time that is, or pretends to be, now.

        Raises:
            StoreError: If ClickHouse refuses or is away.
        """
        grid = Grid(math.floor(now), MINUTE, 1)
        row = self._rows(rule, grid).get(0)
        value = rule.what.value(row, rule.least)
        detail = str((row or {}).get("Detail") or "")
        if not rule.comparison.unusual or value is None:
            return Sample(value, value, detail)
        return judged(rule, value, self._usual(rule, now))

    def _usual(self, rule: Rule, now: float) -> Baseline | None:
        hour = math.floor(now) // HOUR * HOUR
        about = f"{hour} {rule.subject} {rule.least} {rule.least_spread}"
        known = self._learnt.get(rule.id)
        if known is None or known[0] != about:
            values = self.hours(rule, hour, hour)
            known = about, baseline(values, hour, rule.least_spread, noise_before(values, hour))
            self._learnt[rule.id] = known
        return known[1]

    def hours(self, rule: Rule, first: int, last: int) -> dict[int, float | None]:
        """Give the value of every full hour that the usual of some hours is learnt from.

        Args:
            rule: Of what.
            first: First of those hours, seconds since the epoch.
            last: Last of them.

        Returns:
            By hour; hours before anything was recorded are left out.
        """
        begin = first - WEEKS * WEEK + BESIDE[0] * HOUR
        grid = Grid(begin, HOUR, (last - begin) // HOUR + 1)
        rows = self._rows(rule, grid, hourly=True)
        oldest = min(rows, default=grid.count)
        return {grid.at(number): rule.what.value(rows.get(number), rule.least) for number in range(oldest, grid.count)}

    def values(self, rule: Rule, grid: Grid) -> dict[int, tuple[float | None, str]]:
        """Give value and detail at each time of a grid."""
        rows = self._rows(rule, grid)
        return {
            grid.at(number): (
                rule.what.value(rows.get(number), rule.least),
                str((rows.get(number) or {}).get("Detail") or ""),
            )
            for number in range(grid.count)
        }

    def _rows(self, rule: Rule, grid: Grid, *, hourly: bool = False) -> dict[int, Row]:
        if rule.measure == "query":
            return {number: row for number in range(grid.count) if (row := self._own(rule, grid.at(number)))}
        sums = "llm_1h" if hourly or rule.what.period or rule.window >= _LONG else "llm_1m"
        grain = HOUR if sums == "llm_1h" else MINUTE
        # a minute that a window overlaps belongs to it as a whole; of hours that would be too much
        extra = MINUTE if grain == MINUTE else 0
        back = {"": rule.window + grain, "day": DAY, "month": _MONTH}[rule.what.period]
        if rule.what.question == "open_runs":
            back = rule.window + 2 * GRACE
        parameters = {
            **rule.scope.model_dump(),
            "period": rule.what.period,
            "window": rule.window,
            "grain": extra,
            "first": grid.first,
            "every": grid.step,
            "count": grid.count,
            "since": max(0, grid.first - back),
            "until": grid.last,
            "heartbeat": semconv.EVENT_HEARTBEAT,
            "ended": list(_ENDED),
            "grace": GRACE,
        }
        text = Template(question(rule.what.question)).substitute(
            db=self._store.database, sums=sums, windows=question("windows")
        )
        seconds = LEARNING if hourly else self._seconds
        return {int(row["K"]): row for row in self._store.ask(text, parameters, seconds)}

    def _own(self, rule: Rule, at: int) -> Row | None:
        """Ask a query of a user's own: its first value counts."""
        rows = self._store.ask(rule.sql, {"since": at - rule.window, "until": at}, self._seconds)
        if not rows:
            return None
        first, *others = rows[0].values()
        value = None if first is None else float(first)
        return {"": value, "Detail": ", ".join(str(other) for other in others)[:300]} if value is not None else None


def judged(rule: Rule, value: float, usual: Baseline | None) -> Sample:
    """Compare a value with what is usual; without enough history there is nothing to compare with."""
    if usual is None:
        return Sample(value, None, "too little history to know what is usual at this hour of the week")
    score = usual.score(value)
    return Sample(value, score, f"{score:+.1f} deviations from the usual", usual.band(rule.threshold))


@cache
def question(name: str) -> str:
    """Give the text of ``sql/{name}.sql``."""
    return resources.files("quarterdeck_collector.alerts").joinpath("sql", f"{name}.sql").read_text("utf-8")
