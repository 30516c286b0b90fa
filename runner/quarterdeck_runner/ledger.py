"""The ledger of answered model calls: what runs used and cost; later prompts are predicted from it.

An answer is entered when it arrives, not when its step is done: a step that was killed in between is asked, paid and
entered again.
"""

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import Final

from quarterdeck.context import current_run, current_step
from quarterdeck_runner.database import Tables
from quarterdeck_runner.models import Provider
from quarterdeck_runner.prices import Prices

log = logging.getLogger("quarterdeck.runner")

_REMEMBERED: Final = 500
"""How many calls of a model are looked at."""


@dataclass(frozen=True)
class Entry:
    """One answered call.

    Args:
        run_id: run it belongs to; empty for none.
        step: step it belongs to; empty for none.
        provider: who answered.
        model: the model that was asked for.
        prompt_characters: length of prompt and system prompt together.
        input_tokens: tokens of the whole prompt.
        output_tokens: tokens of the answer, thinking included.
        cost: USD; ``None`` where the price is not known.
        started_ns: when it was asked, nanoseconds since the epoch.
        duration_ns: how long the whole answer took.
    """

    run_id: str
    step: str
    provider: Provider
    model: str
    prompt_characters: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    started_ns: int
    duration_ns: int


@dataclass(frozen=True)
class Spent:
    """What some calls used.

    Args:
        calls: how many there were.
        input_tokens: tokens of their prompts.
        output_tokens: tokens of their answers.
        cost: USD of those whose price is known.
        unpriced: how many have no known price.
        duration_ns: how long they took, one after the other.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    duration_ns: int = 0


class Ledger:
    """Keeps what model calls used.

    Args:
        url: database, as SQLAlchemy writes it.
        prices: what tokens cost.
    """

    def __init__(self, url: str, prices: Prices) -> None:
        self.prices = prices
        self._tables = Tables(url, "calls.sql")

    def close(self) -> None:
        """Give the connections back."""
        self._tables.close()

    async def enter(
        self,
        provider: Provider,
        model: str,
        prompt_characters: int,
        *,
        input_tokens: int,
        output_tokens: int,
        started_ns: int,
        duration_ns: int,
    ) -> None:
        """Keep one answered call of the current step; a database that refuses never loses the answer itself.

        Args:
            provider: who answered.
            model: the model that was asked for.
            prompt_characters: length of prompt and system prompt together.
            input_tokens: tokens of the whole prompt.
            output_tokens: tokens of the answer, thinking included.
            started_ns: when it was asked, nanoseconds since the epoch.
            duration_ns: how long the whole answer took.
        """
        run = current_run()
        cost = self.prices.cost(provider, model, input_tokens=input_tokens, output_tokens=output_tokens)
        entry = Entry(
            run.id if run is not None else "",
            current_step().name,
            provider,
            model,
            prompt_characters,
            input_tokens,
            output_tokens,
            cost,
            started_ns,
            duration_ns,
        )
        try:
            await asyncio.to_thread(self._tables.write, "insert", asdict(entry), quick=True)
        except Exception:
            log.exception("a call of %s could not be entered: its cost is missing in the sums", model)

    def of_run(self, run_id: str) -> list[Entry]:
        """The calls of a run, in order."""
        return [Entry(**row) for row in self._tables.read("of_run", run_id=run_id)]

    def history(self, provider: Provider, model: str) -> list[tuple[int, int, int]]:
        """Characters, input and output tokens of the newest calls of a model."""
        rows = self._tables.read("newest", provider=provider, model=model, limit=_REMEMBERED)
        return [(row["prompt_characters"], row["input_tokens"], row["output_tokens"]) for row in rows]


def spent(entries: list[Entry]) -> Spent:
    """Sum some calls up."""
    return Spent(
        calls=len(entries),
        input_tokens=sum(entry.input_tokens for entry in entries),
        output_tokens=sum(entry.output_tokens for entry in entries),
        cost=sum(entry.cost or 0.0 for entry in entries),
        unpriced=sum(entry.cost is None for entry in entries),
        duration_ns=sum(entry.duration_ns for entry in entries),
    )
