"""What the header and the list of runs know of everything: totals of today, who runs things, what is usual."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from quarterdeck_ui.queries.store import Store

Place = tuple[str, str]
"""Environment and service."""


@dataclass(frozen=True, slots=True)
class Today:
    """Totals of the model calls that began today (UTC)."""

    tokens: int = 0
    cost: float = 0.0
    calls: int = 0
    unpriced: int = 0

    def __add__(self, other: "Today") -> "Today":
        """Both together."""
        return Today(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of the completed runs of a pipeline: its steps, and its milliseconds."""

    steps: int = 0
    ms: float | None = None


def today(store: Store) -> dict[Place, Today]:
    """Totals of today by environment and service."""
    return {
        (row["Environment"], row["Service"]): Today(row["Tokens"], row["CostUsd"] or 0.0, row["Calls"], row["Unpriced"])
        for row in store.ask("today")
    }


def places(store: Store) -> tuple[Place, ...]:
    """Environments and services of the last days."""
    return tuple((row["Environment"], row["Service"]) for row in store.ask("places"))


def usual(store: Store) -> Mapping[str, Usual]:
    """What is usual of each pipeline since yesterday."""
    return {row["Pipeline"]: Usual(row["Steps"], row["Milliseconds"]) for row in store.ask("usual")}
