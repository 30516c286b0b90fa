"""What a run has cost, and when that is enough."""

from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.scope import Record


class CostLimitError(ExpressionError):
    """The run has cost as much as it may."""


class Spending:
    """Costs of a run by the paths of its steps; what is replayed after a restart counts like what just happened."""

    def __init__(self) -> None:
        self._costs: dict[str, float] = {}

    def note(self, path: str, record: Record) -> None:
        """Take in what a step has cost; the cost of a block holds those of the steps inside."""
        if record.get("cost_usd") is None:
            return  # what a block that failed has cost is known from the steps inside
        for inside in [each for each in self._costs if each.startswith(f"{path}/")]:
            del self._costs[inside]
        self._costs[path] = float(record["cost_usd"])

    @property
    def usd(self) -> float:
        """USD so far; calls without a known price do not count."""
        return sum(self._costs.values())

    @property
    def known(self) -> bool:
        """Whether any call had a price."""
        return bool(self._costs)

    def check(self, limit: float | None) -> None:
        """See whether another call may begin.

        Args:
            limit: USD that the run may cost; ``None`` for no limit.

        Raises:
            CostLimitError: it may not.
        """
        if limit is not None and self.usd >= limit:
            raise CostLimitError(f"the run has cost ${self.usd:.4f}, and `max_cost_usd` is ${limit:g}: no further call")
