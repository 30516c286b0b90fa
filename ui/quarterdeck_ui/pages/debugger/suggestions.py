"""Suggestions with their evidence and what they would save, from what calls took and asked (pure)."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_ui.queries import Call, Evidence, StepMisfits, StepParts, StepPrompts, StepUse, Where

_FEW: Final = 10
"""Calls of a step below which nothing is said of it."""
_CUT_SHARE: Final = 0.02
_FAILED_SHARE: Final = 0.05
_REPEAT_SHARE: Final = 0.05
_CACHED_SHARE: Final = 0.3
_CACHEABLE_TOKENS: Final = 1024
"""Shortest prefix that Claude and Gemini cache (Anthropic, "Prompt caching"; Google, "Context caching")."""
_CHARACTERS_PER_TOKEN: Final = 4
_CONTEXT: Final = frozenset({"file", "previous_response"})
_LONG_PART: Final = 800
_USED_SHARE: Final = 0.02
_MILLION: Final = 1e6
_WORD: Final = re.compile(r"\w{6,}")
_SAMPLES: Final = 5
_PAIRS: Final = 10
_CLOSE_SCORE: Final = 0.02
_SURE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to do.

    Args:
        kind: What is meant, in a word or two.
        where: Pipeline, step and model.
        finding: What was seen, with its numbers.
        advice: What to do, with the exact setting.
        saving: USD over the range of the evidence, if it had been done; None where no money is saved.
        call: A call that shows it.
        experiment: An experiment that shows it.
        seconds: Waiting that would have been saved.
    """

    kind: str
    where: Where
    finding: str
    advice: str
    saving: float | None
    call: Call = ("", "")
    experiment: str = ""
    seconds: float = 0.0


def suggestions(found: Evidence) -> list[Suggestion]:
    """Everything worth doing, by what it would save."""
    uses = {use.where: use for use in found.uses}
    misfits = [each for step in found.misfits for each in _misfits(step, uses)]
    misfit = {each.where for each in misfits}  # what is paid for in vain there counts once
    made = [
        each
        for use in found.uses
        if use.calls >= _FEW
        for each in (*_cut(use), *_failing(use, is_paid=use.where not in misfit))
    ]
    made += misfits
    for prompts in found.prompts:
        if prompts.calls >= _FEW:
            made += [*_repeats(prompts, uses), *_prefix(prompts, uses)]
            made += [] if prompts.where in misfit else _broken_json(prompts, uses)
    made += _unused(found.parts, uses)
    return sorted(made, key=lambda each: -(each.saving or 0.0))


def from_experiment(result: Mapping[str, Any]) -> Iterator[Suggestion]:
    """Models that scored as well as the baseline's and cost less, as an experiment of the runner shows.

    Args:
        result: The answer of ``GET /v1/experiments/{id}``.
    """
    base = result["baseline_variant"], result["baseline_model"]
    measured = {(each["variant"], each["model"], each["metric"]): each["difference"] for each in result["comparisons"]}
    for arm in result["arms"]:
        variant, model = arm["variant"], arm["model"]
        score, cost = (measured.get((variant, model, name)) for name in ("score", "cost_usd"))
        if (variant, model) == base or not score or not cost or score["count"] < _PAIRS:
            continue
        equal = score["mean"] > -_CLOSE_SCORE and not _is_below(score)
        if equal and _is_below(cost):
            yield Suggestion(
                "Cheaper model",
                (str(result["batch"]["name"]), variant, model),
                f"scored {score['mean']:+.2f} against {base[1]} on {score['count']} inputs, for "
                f"{-cost['mean']:.6f} USD less a call",
                f"Ask {model} instead: set `model: {model}` in the step, or in `defaults`.",
                -cost["mean"] * arm["completed"],
                experiment=str(result["batch"]["id"]),
            )


def _is_below(difference: Mapping[str, Any]) -> bool:
    """Whether a paired difference is surely less than nothing; one that is always the same has a p-value of 0."""
    return bool(difference["mean"] < 0 and difference["p_value"] is not None and difference["p_value"] < _SURE)


def _cut(use: StepUse) -> Iterator[Suggestion]:
    if use.cut / use.calls >= _CUT_SHARE:
        yield Suggestion(
            "Answers cut off",
            use.where,
            f"{use.cut:,} of {use.calls:,} answers end at the limit of output tokens",
            "Raise `token_budget.max_output_tokens` of the step (`max_tokens` of the client), or ask for less.",
            use.cut_cost,
            use.cut_call,
        )


def _failing(use: StepUse, *, is_paid: bool) -> Iterator[Suggestion]:
    if use.failed >= _FEW and use.failed / use.calls >= _FAILED_SHARE:
        yield Suggestion(
            "Repeated retries",
            use.where,
            f"{use.failed:,} of {use.calls:,} calls failed, in {use.failed_runs:,} runs, and took "
            f"{use.failed_seconds:,.0f} s",
            "Wait longer between attempts (`retry: {interval, backoff}`), or make fewer calls at once "
            "(`max_parallel`, `QUARTERDECK_PROVIDER_RATE`); Errors says why they failed.",
            (use.failed_cost or None) if is_paid else None,
            use.failed_call,
            seconds=use.failed_seconds,
        )


def _repeats(prompts: StepPrompts, uses: Mapping[Where, StepUse]) -> Iterator[Suggestion]:
    if prompts.repeats / prompts.calls < _REPEAT_SHARE:
        return
    yield Suggestion(
        "Same question again",
        prompts.where,
        f"{prompts.repeats:,} of the newest {prompts.calls:,} calls asked what had been asked before, one question "
        f"{prompts.most_asked:,} times",
        "Keep the answer: put the step before the loop, or remember answers by their question.",
        prompts.repeat_cost * _scale(prompts, uses),
        prompts.repeated_call,
    )


def _prefix(prompts: StepPrompts, uses: Mapping[Where, StepUse]) -> Iterator[Suggestion]:
    use = uses.get(prompts.where)
    common = _common(prompts.first, prompts.last)
    if use is None or not use.tokens_in or not prompts.characters or prompts.first == prompts.last:
        return
    tokens_each = use.tokens_in / use.calls
    # a token has a character at least: tools and images are input, too, which the text does not show
    tokens = min(tokens_each * min(1.0, common / prompts.characters), common)
    cached = use.cache_read / use.tokens_in
    saved = tokens * (use.calls - 1) * (use.input_rate - use.cache_read_rate) / _MILLION
    if tokens >= _CACHEABLE_TOKENS and cached < _CACHED_SHARE and saved > 0:
        yield Suggestion(
            "Cacheable beginning",
            prompts.where,
            f"all prompts begin with the same {common:,} characters (about {tokens:,.0f} tokens); "
            f"{cached * 100:.0f} % of the input came from the cache",
            "Claude: set `cache_control` at the end of that part; Gemini: keep it first and unchanged, and the calls "
            "close together.",
            saved,
            prompts.repeated_call,
        )


def _common(first: str, last: str) -> int:
    """Length of the beginning that two texts share, and so does every text between them in the order of texts."""
    differing = (n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return next(differing, min(len(first), len(last)))


def _misfits(misfits: StepMisfits, uses: Mapping[Where, StepUse]) -> Iterator[Suggestion]:
    use = uses.get(misfits.where)
    if use and misfits.calls >= _FEW and misfits.calls / use.calls >= _CUT_SHARE:
        yield Suggestion(
            "JSON that fails its schema",
            misfits.where,
            f"{misfits.calls:,} of {use.calls:,} calls were paid for, and their step failed: the answer did not fit "
            "its schema",
            "Say in the prompt what the fields of `output_schema` mean, give room in `token_budget.max_output_tokens`, "
            "or ask for less in the schema; Errors names the field.",
            misfits.cost or None,
            misfits.call,
        )


def _broken_json(prompts: StepPrompts, uses: Mapping[Where, StepUse]) -> Iterator[Suggestion]:
    if prompts.broken_json:
        yield Suggestion(
            "JSON that is none",
            prompts.where,
            f"{prompts.broken_json:,} of {prompts.json_calls:,} answers that should be JSON are not",
            "Give the step an `output_schema`, which the provider then enforces, and room in `max_output_tokens`.",
            prompts.broken_cost * _scale(prompts, uses) or None,
            prompts.broken_call,
        )


def _unused(parts: Iterable[StepParts], uses: Mapping[Where, StepUse]) -> Iterator[Suggestion]:
    seen: dict[tuple[Where, str], list[tuple[float, int, Call]]] = defaultdict(list)
    for each in parts:
        answer = set(_WORD.findall(each.answer.lower()))
        for source, text in _context(each.parts):
            words = set(_WORD.findall(text.lower()))
            seen[each.where, source].append((_share(words, answer), len(text), each.call))
    for (where, source), samples in seen.items():
        use = uses.get(where)
        if use is None or len(samples) < _SAMPLES or max(share for share, _, _ in samples) > _USED_SHARE:
            continue
        tokens = sum(length for _, length, _ in samples) / len(samples) / _CHARACTERS_PER_TOKEN
        yield Suggestion(
            "Context that is not used",
            where,
            f"`{source}` (about {tokens:,.0f} tokens) is in every prompt, and hardly a word of it in the newest "
            f"{len(samples)} answers",
            "Leave it out, or only what matters of it in; try it under Experiments before you ship it.",
            tokens * use.calls * use.input_rate / _MILLION or None,
            samples[0][2],
        )


def _context(text: str) -> Iterator[tuple[str, str]]:
    try:
        parts: Sequence[Mapping[str, str]] = json.loads(text)
    except ValueError:
        return
    for part in parts:
        if part.get("kind") in _CONTEXT and len(part.get("text", "")) >= _LONG_PART:
            yield part.get("source", ""), part["text"]


def _share(words: set[str], answer: set[str]) -> float:
    return len(words & answer) / len(words) if words else 1.0


def _scale(prompts: StepPrompts, uses: Mapping[Where, StepUse]) -> float:
    """How many times more calls there are than those that were looked at."""
    use = uses.get(prompts.where)
    return max(1.0, use.calls / prompts.calls) if use else 1.0
