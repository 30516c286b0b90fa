"""Experiments: variants of a prompt, some models and many inputs, compared with each other.

Every cell is a run of a small pipeline that is written here: the prompt, and where a model judges, its verdict. So an
experiment is a batch, with all that batches have.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Final

import yaml

from quarterdeck_runner.batch_store import Arm, Item, NewItem
from quarterdeck_runner.batches import JUDGE
from quarterdeck_runner.models import choose
from quarterdeck_runner.stats import Interval, interval

METRICS: Final = ("score", "cost_usd", "latency_seconds", "input_tokens", "output_tokens")
ANSWER: Final = "answer"
_BREAKS: Final = re.compile("[\x85\u2028\u2029\ufeff]")
"""What YAML takes for a line break, or for its own mark, unless it is escaped."""

_VERDICT: Final = """
Judge the answer below. {question}

Reply with JSON only: {{"score": NUMBER, "reason": "ONE SENTENCE"}}; 1 is the best score, 0 the worst.

The answer:"""


@dataclass(frozen=True)
class Variant:
    """One way to ask.

    Args:
        name: for people, unique.
        prompt: the prompt; may have templates of inputs.
        system: system prompt; empty for none.
    """

    name: str
    prompt: str
    system: str = ""


@dataclass(frozen=True)
class ArmResult:
    """How one arm did.

    Args:
        arm: number of the arm.
        items: how many items it has.
        completed: how many of them are completed.
        failed: how many failed.
        means: mean and interval by metric; only of completed items, ``None`` where there is none.
        latency_p50: median seconds.
        latency_p95: seconds that 95 of 100 answers stayed below.
    """

    arm: int
    items: int
    completed: int
    failed: int
    means: Mapping[str, Interval | None]
    latency_p50: float | None
    latency_p95: float | None


@dataclass(frozen=True)
class Comparison:
    """One arm against the baseline, over the inputs that both have done.

    Args:
        arm: number of the arm.
        metric: what is compared.
        difference: its value minus that of the baseline, mean and interval over the inputs; ``None`` without a pair.
        unpaired: inputs that only one of the two has done.
    """

    arm: int
    metric: str
    difference: Interval | None
    unpaired: int


def is_gemini(model: str) -> bool:
    """Whether a model is one of Gemini's."""
    return choose(model).name.startswith("gemini")


def source_of(
    name: str,
    variant: Variant,
    model: str,
    inputs: Mapping[str, str],
    *,
    max_output_tokens: int | None = None,
    judge: Mapping[str, Any] | None = None,
) -> str:
    """Write the pipeline that asks one variant of one model.

    Args:
        name: of the pipeline.
        variant: how to ask.
        model: whom to ask.
        inputs: type by name.
        max_output_tokens: tokens that the answer may have.
        judge: ``model`` and ``question``, where a model judges the answer.
    """
    steps = [_ask(ANSWER, model, variant.prompt, variant.system, max_output_tokens)]
    if judge is not None:
        question = [
            {"type": "static", "content": _VERDICT.format(question=judge["question"]).strip()},
            {"type": "previous_response", "step": ANSWER},
        ]
        steps.append(_ask(JUDGE, judge["model"], question))
        parts = {"answer": "{{ steps.answer.text }}", "verdict": "{{ steps.judge.text }}"}
        steps.append({"name": "result", "type": "echo", "value": parts})
    workflow = {"name": name, "inputs": {each: {"type": kind} for each, kind in inputs.items()}, "steps": steps}
    plain = yaml.safe_dump({"workflow": workflow}, allow_unicode=True, sort_keys=False, width=1000)
    if _BREAKS.search(plain) is None:
        return plain
    return yaml.safe_dump({"workflow": workflow}, allow_unicode=False, sort_keys=False, width=1000)


def _ask(name: str, model: str, prompt: Any, system: str = "", max_output_tokens: int | None = None) -> dict[str, Any]:
    step: dict[str, Any] = {"name": name, "type": "gemini" if is_gemini(model) else "claude", "model": model}
    if max_output_tokens is not None:
        step["token_budget"] = {"max_output_tokens": max_output_tokens}
    if system and is_gemini(model):
        # The format has no system prompt for Gemini: it goes before the prompt.
        prompt = [{"type": "static", "content": text} for text in (system, prompt)]
    elif system:
        step["claude_options"] = {"system_prompt": system}
    step["prompt"] = prompt
    return step


def cells(rows: Iterable[tuple[int, Mapping[str, Any]]], arms: Sequence[Arm], repeat: int) -> list[NewItem]:
    """Every input for every arm, so often; the arms take turns, so that none has a better hour than the others.

    Args:
        rows: line and inputs.
        arms: whom to compare.
        repeat: how often each is asked.
    """
    return [NewItem(line, arm, inputs) for line, inputs in rows for _ in range(repeat) for arm in range(len(arms))]


class Results:
    """What an experiment has shown so far.

    Args:
        arms: how many arms there are.
        items: all items.
    """

    def __init__(self, arms: int, items: Iterable[Item]) -> None:
        self._values: list[dict[str, dict[int, list[float]]]] = [{name: {} for name in METRICS} for _ in range(arms)]
        self._statuses: list[dict[str, int]] = [{} for _ in range(arms)]
        for item in items:
            statuses = self._statuses[item.arm]
            statuses[item.status] = statuses.get(item.status, 0) + 1
            if item.status == "completed":
                self._take(item)

    def _take(self, item: Item) -> None:
        measured = (item.score, item.cost, item.model_ns / 1e9, item.input_tokens, item.output_tokens)
        for name, value in zip(METRICS, measured, strict=True):
            if value is not None:
                self._values[item.arm][name].setdefault(item.line, []).append(float(value))

    def arm(self, number: int) -> ArmResult:
        """How one arm did."""
        statuses = self._statuses[number]
        # Repetitions of an input are not independent of each other: their mean counts.
        by_input = {name: [fmean(each) for each in lines.values()] for name, lines in self._values[number].items()}
        latencies = sorted(each for line in self._values[number]["latency_seconds"].values() for each in line)
        return ArmResult(
            number,
            sum(statuses.values()),
            statuses.get("completed", 0),
            statuses.get("failed", 0),
            {name: interval(values) for name, values in by_input.items()},
            median(latencies) if latencies else None,
            latencies[math.ceil(len(latencies) * 0.95) - 1] if latencies else None,
        )

    def compare(self, arm: int, baseline: int) -> list[Comparison]:
        """One arm against another, in every metric."""
        found = []
        for name in METRICS:
            ours, theirs = self._values[arm][name], self._values[baseline][name]
            both = ours.keys() & theirs.keys()
            differences = [fmean(ours[line]) - fmean(theirs[line]) for line in sorted(both)]
            unpaired = len(ours.keys() | theirs.keys()) - len(both)
            found.append(Comparison(arm, name, interval(differences), unpaired))
        return found
