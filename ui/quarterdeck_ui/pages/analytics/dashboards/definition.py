"""What a dashboard is made of, and what may be saved of it (pure)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from quarterdeck_ui.pages.analytics import numbers
from quarterdeck_ui.queries import CALL_DIMENSIONS, RUN_DIMENSIONS, Measure, RunMeasure

KIND: Final = "dashboard"
"""Of saved objects."""

CHARTS: Final = ("line", "columns", "area", "bars", "table", "number")
FILTERS: Final = ("pipeline", "step", "provider", "model")
NOTHING: Final = "all together"
MOST_PANELS: Final = 24
_LONGEST: Final = 120
_Words = Callable[[float], str]


class DefinitionError(ValueError):
    """A dashboard is not one; the message says why."""


@dataclass(frozen=True)
class Quantity:
    """Something that is measured.

    Args:
        title: In words, with the unit.
        value: Takes it from a row; None where it is not known.
        alert: Measure of a rule that watches it.
        axis: Format of Vega.
        text: Format for reading.
        adds_up: Whether parts of it may be put upon each other.
        of_runs: Whether runs have it rather than model calls.
        of_quantiles: Whether it is a quantile of model calls.
    """

    title: str
    value: Callable[[Any], float | None]
    alert: str
    axis: str
    text: _Words
    adds_up: bool = False
    of_runs: bool = False
    of_quantiles: bool = False


def _call(
    title: str, value: Callable[[Measure], float | None], alert: str, axis: str, text: _Words, **more: bool
) -> Quantity:
    return Quantity(title, value, alert, axis, text, **more)


def _quantile(title: str, value: Callable[[Measure], float], alert: str) -> Quantity:
    return Quantity(title, lambda m: _known(value(m)), alert, "~g", numbers.seconds, of_quantiles=True)


def _run(
    title: str, value: Callable[[RunMeasure], float | None], alert: str, axis: str, text: _Words, **more: bool
) -> Quantity:
    return Quantity(title, value, alert, axis, text, of_runs=True, **more)


def _known(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - what is no number is not equal to itself


QUANTITIES: Final[Mapping[str, Quantity]] = {
    "cost": _call("Cost, USD", lambda m: m.cost, "cost", "$,~r", numbers.money, adds_up=True),
    "calls": _call("Model calls", lambda m: m.calls, "calls", "~s", numbers.count, adds_up=True),
    "failed calls": _call("Failed calls", lambda m: m.errors, "errors", "~s", numbers.count, adds_up=True),
    "error rate": _call("Calls that failed", lambda m: m.errors / m.calls, "error_rate", ".1%", numbers.percent),
    "tokens": _call("Tokens", lambda m: m.tokens_in + m.tokens_out, "tokens", "~s", numbers.count, adds_up=True),
    "input tokens": _call("Input tokens", lambda m: m.tokens_in, "input_tokens", "~s", numbers.count, adds_up=True),
    "output tokens": _call("Output tokens", lambda m: m.tokens_out, "output_tokens", "~s", numbers.count, adds_up=True),
    "cache share": _call(
        "Input from cache",
        lambda m: m.cache_read / m.tokens_in if m.tokens_in else None,
        "cache_share",
        ".0%",
        numbers.percent,
    ),
    "cost of a call": _call(
        "Cost of a call, USD", lambda m: m.cost / max(m.calls - m.unpriced, 1), "call_cost", "$,~r", numbers.money
    ),
    "mean latency": _call("Mean latency, s", lambda m: m.seconds / m.calls, "latency_mean", "~g", numbers.seconds),
    "median latency": _quantile("Median latency, s", lambda m: m.took[0], "latency_p50"),
    "latency, 95 %": _quantile("Latency of 95 %, s", lambda m: m.took[1], "latency_p95"),
    "time to first token": _quantile("Median time to first token, s", lambda m: m.first[0], "first_token_p50"),
    "runs": _run("Runs", lambda r: r.runs, "runs", "~s", numbers.count, adds_up=True),
    "failed runs": _run("Failed runs", lambda r: r.failed, "failed_runs", "~s", numbers.count, adds_up=True),
    "failure rate": _run("Runs that failed", lambda r: r.failed / r.runs, "run_failure_rate", ".1%", numbers.percent),
    "median run": _run("Median run, s", lambda r: _known(r.took[0]), "run_duration_p50", "~g", numbers.seconds),
    "run, 95 %": _run(
        "Duration of 95 % of runs, s", lambda r: _known(r.took[1]), "run_duration_p95", "~g", numbers.seconds
    ),
}


def dimensions(quantity: str) -> tuple[str, ...]:
    """What a quantity can be split by."""
    return (NOTHING, *(RUN_DIMENSIONS if QUANTITIES[quantity].of_runs else CALL_DIMENSIONS))


@dataclass(frozen=True)
class Panel:
    """One chart: a quantity, what it is split by, the values that calls must have, and how it is drawn."""

    quantity: str
    by: str
    chart: str
    only: Mapping[str, str]
    title: str = ""

    @property
    def heading(self) -> str:
        """Its title, or what it shows in words."""
        split = "" if self.by == NOTHING else f" by {self.by}"
        limited = ", ".join(self.only.values())
        measured = QUANTITIES[self.quantity].title.partition(",")[0]
        return self.title or f"{measured}{split}{f' ({limited})' if limited else ''}"


@dataclass(frozen=True)
class Dashboard:
    """Charts under one title."""

    title: str
    panels: tuple[Panel, ...] = ()

    def body(self) -> dict[str, Any]:
        """What is saved."""
        return {"title": self.title, "panels": [asdict(panel) for panel in self.panels]}


def dashboard_of(body: Mapping[str, Any]) -> Dashboard:
    """Read what was saved.

    Raises:
        DefinitionError: It is no dashboard, or of another version of this program.
    """
    title, panels = body.get("title"), body.get("panels")
    if not isinstance(title, str) or not title.strip() or not isinstance(panels, list):
        raise DefinitionError("a dashboard has a title and a list of panels")
    if len(panels) > MOST_PANELS:
        raise DefinitionError(f"a dashboard has at most {MOST_PANELS} charts")
    return Dashboard(title.strip()[:_LONGEST], tuple(panel_of(panel) for panel in panels))


def panel_of(said: Any) -> Panel:
    """Read one chart.

    Raises:
        DefinitionError: It is none.
    """
    if not isinstance(said, dict) or said.get("quantity") not in QUANTITIES:
        raise DefinitionError(f"a chart measures one of: {', '.join(QUANTITIES)}")
    quantity, by, chart = str(said["quantity"]), said.get("by"), said.get("chart")
    if by not in dimensions(quantity):
        raise DefinitionError(f"{quantity} can be split by: {', '.join(dimensions(quantity))}")
    if chart not in CHARTS:
        raise DefinitionError(f"a chart is one of: {', '.join(CHARTS)}")
    if chart == "area" and not QUANTITIES[quantity].adds_up:
        raise DefinitionError(f"{quantity} does not add up, so that an area would mislead: take a line")
    only = said.get("only")
    fits = {name: str(only[name])[:_LONGEST] for name in FILTERS if isinstance(only, dict) and only.get(name)}
    return Panel(quantity, str(by), str(chart), fits, str(said.get("title") or "")[:_LONGEST])


def id_of(title: str) -> str:
    """An id in the address that tells what it is of."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "dashboard"
