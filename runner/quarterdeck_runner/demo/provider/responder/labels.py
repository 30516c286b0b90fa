"""Choosing one of some labels for a text."""

import re
from collections.abc import Sequence

from quarterdeck_runner.demo.provider.responder.text import words

_OPTIONS = re.compile(r"(?:one of|as either|as|either)[:\s]+([\w\s,/\"'-]+?)(?:[.;\n]|$)", re.IGNORECASE)
_SIGNS = {
    "urgent": "outage down urgent immediately cannot blocked lost critical breach deadline today stopped asap broken",
    "high": "outage down urgent cannot blocked lost critical breach terminate unlimited liability indemnify penalty",
    "low": "question suggestion minor typo wondering thanks idea someday cosmetic notice",
    "billing": "invoice charge charged refund payment card price credit billed",
    "bug": "error crash fail broken bug exception wrong missing",
    "account": "password login locked account access sign seat",
    "feature": "feature wish add support suggestion idea would",
    "positive": "thank great love happy good perfect excellent",
    "negative": "angry disappointed late bad wrong unacceptable frustrated",
    "fix": "fix fixed bug error crash correct regression",
    "breaking": "remove removed drop breaking rename incompatible deprecated",
}
_MIDDLE = ("medium", "normal", "neutral", "other")


def options_in(instruction: str) -> list[str]:
    """Labels that an instruction lists, such as ``one of: bug, billing or other``."""
    match = _OPTIONS.search(instruction)
    if match is None:
        return []
    found = [part.strip(" \"'") for part in re.split(r",|/|\bor\b|\band\b", match[1])]
    return [part for part in found if part and len(part.split()) <= 3]  # noqa: PLR2004 - a label is short


def choose(options: Sequence[str], text: str) -> str:
    """The label whose words and known signs occur most in ``text``; a middle one when none does."""
    said = words(text)
    scores = {option: _score(option, said) for option in options}
    best = max(options, key=lambda option: scores[option])
    if scores[best] > 0:
        return best
    return next((option for option in options if option.lower() in _MIDDLE), options[0])


def _score(option: str, said: list[str]) -> int:
    signs = {word for name, listed in _SIGNS.items() if name in option.lower() for word in words(listed)}
    return sum(word in signs for word in said) + 2 * sum(word in set(words(option)) for word in said)
