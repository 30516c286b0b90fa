from dataclasses import dataclass
from typing import Literal

Kind = Literal["cost_spike", "regression", "storm", "silent", "duplicates", "slow_step", "dear_step", "change"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that stands out.

    Args:
        kind: What it is.
        where: Pipeline, step or provider.
        title: What happened, in a few words.
        detail: The numbers, and the method that judged them.
        href: Address of the runs behind it.
        at: When it began, seconds since the epoch; 0 where it holds for the whole range.
    """

    kind: Kind
    where: str
    title: str
    detail: str
    href: str
    at: float = 0.0
