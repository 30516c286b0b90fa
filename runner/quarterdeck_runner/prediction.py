"""How many tokens a prompt will have and what its answer will cost, before anybody is asked.

The provider counts the prompt where there is a key. Otherwise the length is taken times the tokens per character of
earlier calls of that model. The answer is expected to be as long as earlier ones. Every number says where it is from,
and how far such predictions were off.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.providers import ModelCall, Providers, explain
from quarterdeck_runner.spec import DEFAULT_MAX_TOKENS

_ASSUMED_CHARACTERS: Final = 4
_MOST: Final = 0.9

Method = Literal["counted", "learnt", "assumed"]


@dataclass(frozen=True)
class Estimate:
    """A predicted number of tokens.

    Args:
        tokens: the number.
        method: ``counted`` by the provider, ``learnt`` from earlier calls, or ``assumed``.
        samples: how many earlier calls it was learnt from.
        error: what nine of ten predictions of those calls, each out of the others, were off by at most, as a share of
            what it was: 0.1 is ten per cent; ``None`` where there is nothing to tell it from.
        note: what the reader should know; empty if nothing.
    """

    tokens: int
    method: Method
    samples: int = 0
    error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Prediction:
    """What a call will use and cost.

    Args:
        input: tokens of the prompt.
        output: tokens of the answer; ``None`` before the first answer of that model.
        max_output_tokens: tokens that the answer can have at most.
        cost: USD that is expected; ``None`` where the price or the length of the answer is not known.
        max_cost: USD if the answer is as long as it can be; ``None`` where the price is not known.
    """

    input: Estimate
    output: Estimate | None
    max_output_tokens: int
    cost: float | None
    max_cost: float | None


class Predictor:
    """Predicts calls.

    Args:
        providers: count tokens where they have a key.
        ledger: knows the earlier calls and the prices.
    """

    def __init__(self, providers: Providers, ledger: Ledger) -> None:
        self._providers, self._ledger = providers, ledger

    async def predict(self, call: ModelCall, *, ask: bool = True) -> Prediction:
        """Predict what a call will use and cost.

        Args:
            call: the question.
            ask: whether the provider may be asked to count; else nobody is.
        """
        history = await asyncio.to_thread(self._ledger.history, call.provider, call.model)
        prompt = await self._counted(call) if ask else Estimate(0, "assumed")
        if prompt.method != "counted":
            prompt = _learnt_prompt(len(call.prompt) + len(call.system), history, call.model, prompt.note)
        most = call.budget.max_output_tokens or DEFAULT_MAX_TOKENS
        output = _learnt_answer([tokens for _, _, tokens in history], most)
        return Prediction(
            prompt,
            output,
            most,
            self._cost(call, prompt.tokens, output.tokens) if output is not None else None,
            self._cost(call, prompt.tokens, most),
        )

    async def _counted(self, call: ModelCall) -> Estimate:
        try:
            return Estimate(await self._providers.count(call), "counted", error=0.0)
        except Exception as error:  # noqa: BLE001 - without an answer there are other ways
            return Estimate(0, "assumed", note=f"not counted by the provider: {explain(error).message}")

    def _cost(self, call: ModelCall, input_tokens: int, output_tokens: int) -> float | None:
        prices = self._ledger.prices
        return prices.cost(call.provider, call.model, input_tokens=input_tokens, output_tokens=output_tokens)


def total(costs: Sequence[float | None]) -> float | None:
    """The sum of costs; ``None`` if one is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _learnt_prompt(characters: int, history: Sequence[tuple[int, int, int]], model: str, note: str) -> Estimate:
    pairs = [(known, tokens) for known, tokens, _ in history]
    if not pairs:
        assumed = f"no call of {model} was answered yet: {_ASSUMED_CHARACTERS} characters a token are assumed"
        tokens = -(-characters // _ASSUMED_CHARACTERS)
        return Estimate(tokens, "assumed", note="; ".join(filter(None, (note, assumed))))
    length, counted = sum(known for known, _ in pairs), sum(tokens for _, tokens in pairs)
    offs = [
        abs((counted - tokens) / (length - known) * known - tokens) / tokens
        for known, tokens in pairs
        if length > known
    ]
    return Estimate(round(counted / length * characters), "learnt", len(pairs), _most_of(offs), note)


def _learnt_answer(answers: Sequence[int], most: int) -> Estimate | None:
    if not answers:
        return None
    total, count = sum(answers), len(answers)
    offs = [abs((total - each) / (count - 1) - each) / each for each in answers if count > 1 and each]
    return Estimate(min(round(total / count), most), "learnt", count, _most_of(offs))


def _most_of(offs: Sequence[float]) -> float | None:
    """What nine of ten stay below."""
    return sorted(offs)[min(int(len(offs) * _MOST), len(offs) - 1)] if offs else None
