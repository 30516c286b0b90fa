"""What a rule is, and what makes one that cannot be used."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from quarterdeck_collector.alerts.measures import MEASURES, Measure
from quarterdeck_collector.sql_guard import Refused, check

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
LONGEST_WINDOW: Final = 31 * DAY

Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
"""Text that cannot break out of a header or a log line."""


class RuleError(ValueError):
    """A rule cannot be used; the message says which field and why."""


class Comparison(StrEnum):
    """On which side of the threshold a rule fires."""

    ABOVE = "above"
    BELOW = "below"
    UNUSUALLY_HIGH = "unusually_high"
    UNUSUALLY_LOW = "unusually_low"

    @property
    def unusual(self) -> bool:
        """Whether the threshold is a distance from what is usual at that hour of the week."""
        return self in (Comparison.UNUSUALLY_HIGH, Comparison.UNUSUALLY_LOW)

    @property
    def upward(self) -> bool:
        """Whether large values are bad."""
        return self in (Comparison.ABOVE, Comparison.UNUSUALLY_HIGH)


class NoData(StrEnum):
    """What it means that there is no value."""

    NO_DATA = "no_data"
    """Said as such; a rule that fires stops when its time to resolve has passed."""
    OK = "ok"
    """As a good value."""
    KEEP = "keep"
    """The rule stays as it is."""
    FIRING = "firing"
    """As a bad value."""


class Scope(BaseModel):
    """What a rule is limited to; what is empty limits nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: Line = ""
    step: Line = ""
    provider: Line = ""
    model: Line = ""
    service: Line = ""
    environment: Line = ""


class Rule(BaseModel):
    """When somebody is told of what."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    id: str = Field("", pattern=r"^[\w.-]{0,100}$")
    name: Line = Field(min_length=1)
    measure: str
    comparison: Comparison = Comparison.ABOVE
    threshold: float
    clear: float | None = Field(None, description="Where a rule that fires begins to resolve.")
    window: int = Field(300, ge=MINUTE, le=LONGEST_WINDOW, description="Seconds.")
    hold: int = Field(0, ge=0, le=7 * DAY, alias="for", description="Seconds of bad values before it fires.")
    resolve_for: int = Field(0, ge=0, le=7 * DAY, description="Seconds of good values before it resolves.")
    no_data: NoData = NoData.NO_DATA
    least: int = Field(1, ge=1, description="Calls or runs without which a share or quantile says nothing.")
    change: float = Field(0.0, ge=0, description="Smallest difference from the usual that matters, in the unit.")
    scope: Scope = Scope()
    sql: str = Field("", max_length=20_000)
    severity: Literal["critical", "warning", "info"] = "warning"
    channels: tuple[Line, ...] = Field((), max_length=20)
    repeat: int = Field(0, ge=0, le=31 * DAY, description="Seconds after which it is told again; 0: never.")
    note: str = Field("", max_length=4000, description="What to do, for whoever is told.")
    enabled: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for trouble in filter(None, (self._measured(), self._hysteresis(), self._usual(), self._query())):
            raise ValueError(trouble)
        return self

    def _measured(self) -> str:
        if self.measure not in MEASURES:
            return f"measure: {self.measure!r} is none of {', '.join(MEASURES)}"
        limited = [name for name, value in self.scope if value and name not in self.what.scope]
        if limited:
            return f"scope: {self.measure} cannot be limited to one {limited[0]}"
        if self.what.kept and self.window > self.what.kept * DAY:
            return f"window: what runs now is kept for {self.what.kept} day; choose a shorter window"
        return ""

    def _hysteresis(self) -> str:
        upward = self.comparison is not Comparison.BELOW
        if self.clear is None or self.clear == self.threshold or (self.clear < self.threshold) is upward:
            return ""
        side = "below" if upward else "above"
        return f"clear: a rule that fires {self.comparison.replace('_', ' ')} the threshold resolves {side} it"

    def _usual(self) -> str:
        if not self.comparison.unusual:
            return ""
        if self.what.period or self.what.kept or self.measure in ("query", "new_error_groups"):
            return f"comparison: {self.measure} has no usual value at an hour of the week; compare with a number"
        if self.window % HOUR or self.window > DAY:
            return "window: what is usual is known by the hour; choose whole hours, a day at most"
        return "" if self.threshold > 0 else "threshold: a number of deviations above 0, such as 4"

    def _query(self) -> str:
        if (self.measure == "query") is not bool(self.sql.strip()):
            return "sql: write the query" if self.measure == "query" else "sql: only the measure 'query' has one"
        if self.sql:
            try:
                check(self.sql.encode())
            except Refused as refused:
                return f"sql: {refused}"
        return ""

    @property
    def what(self) -> Measure:
        """What is watched."""
        return MEASURES[self.measure]

    @property
    def upward(self) -> bool:
        """Whether large values are bad."""
        return self.comparison.upward

    @property
    def least_spread(self) -> float:
        """Least deviation from the usual: the threshold is a number of them, and together no less than what matters."""
        return self.change / self.threshold

    @property
    def subject(self) -> str:
        """What the state of a rule is about: if this changes, the state is of something else."""
        parts = (self.measure, self.comparison, self.window, self.scope.model_dump_json(), self.sql)
        return "|".join(map(str, parts))

    def is_bad(self, score: float) -> bool:
        """Whether a value, or its distance from the usual, is on the wrong side of the threshold."""
        return self._beyond(score, self.threshold)

    def is_good(self, score: float) -> bool:
        """Whether a value, or its distance from the usual, lets the rule resolve."""
        return not self._beyond(score, self.threshold if self.clear is None else self.clear)

    def _beyond(self, score: float, limit: float) -> bool:
        match self.comparison:
            case Comparison.BELOW:
                return score < limit
            case Comparison.UNUSUALLY_LOW:  # as many deviations, on the other side of the usual
                return score < -limit
            case _:
                return score > limit


def rule_of(given: Mapping[str, Any], rule_id: str = "") -> Rule:
    """Read a rule.

    Args:
        given: As it was saved.
        rule_id: Its id.

    Raises:
        RuleError: If it cannot be used.
    """
    try:
        return Rule.model_validate({**given, "id": rule_id or given.get("id", "")})
    except ValidationError as error:
        raise RuleError("; ".join(_said(each) for each in error.errors())) from None


def _said(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {message}" if where else message
