"""What can be planted into a history, and where it then is."""

from dataclasses import dataclass
from typing import Final, Literal

Fact = Literal["cost_spike", "regression", "storm", "silent", "duplicates", "slow_step", "dear_step"]


@dataclass(frozen=True)
class Site:
    """Where a fact is.

    Args:
        pipeline: Name of the pipeline.
        step: Name of the step; empty where it is all of them.
        day: First day, counted from the begin of the history; where it has one day only, the next weekday.
        days: Number of days; 0 until its end.
        hour: Hour of the day (UTC), where the fact lasts one hour.
        provider: Name of the provider, where the fact is one of a provider.
    """

    pipeline: str
    step: str
    day: int
    days: int = 0
    hour: int = -1
    provider: str = ""


SITES: Final[dict[Fact, Site]] = {
    # one day on which the prompts of one step are forty times as long
    "cost_spike": Site("contract-review", "find clauses", 71, 1),
    # a version whose runs take longer and fail more often
    "regression": Site("invoice-check", "match orders", 62),
    # an hour in which a provider answers most calls with 429
    "storm": Site("", "", 78, 1, 14, "anthropic"),
    # answers that are empty, no JSON, or cut off, in runs that complete
    "silent": Site("lead-scoring", "score", 74),
    # the same few prompts again and again
    "duplicates": Site("support-triage", "classify", 60),
    # a step that computes for a minute and a half
    "slow_step": Site("nightly-digest", "fetch", 0),
    # a step that costs more than all others
    "dear_step": Site("nightly-digest", "write", 0),
}

FACTS: Final[tuple[Fact, ...]] = tuple(SITES)
