"""E-mail addresses and card numbers, removed where somebody asks for it."""

import re
from typing import Final

_EMAIL: Final = re.compile(
    r"(?<![\w.%+\-])[A-Za-z0-9_.%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w\-])"
)
_CARD: Final = re.compile(r"(?<![\w.\-])[2-6](?:[ \-]?[0-9]){12,18}(?![\w\-])")
_EMAIL_END: Final = re.compile(r"[A-Za-z0-9_.%+\-@]{1,400}\Z")
_CARD_END: Final = re.compile(r"[0-9](?:[ \-]?[0-9]){0,18}[ \-]?\Z")
_LONGEST_EMAIL: Final = 400
_LONGEST_CARD: Final = 40


def without_emails(text: str) -> tuple[str, int]:
    """Replace e-mail addresses by ``[redacted:email]`` and count them."""
    return _EMAIL.subn("[redacted:email]", text) if "@" in text else (text, 0)


def without_cards(text: str) -> tuple[str, int]:
    """Replace card numbers, whose check digit is right, by ``[redacted:card]`` and count them."""
    count = 0

    def marker(match: re.Match[str]) -> str:
        nonlocal count
        if not _is_luhn(match[0]):
            return match[0]
        count += 1
        return "[redacted:card]"

    return _CARD.sub(marker, text), count


def unfinished_email(text: str) -> int:
    """Where an address may have begun that goes on after the end of ``text``; its length if none has."""
    found = _EMAIL_END.search(text, max(0, len(text) - _LONGEST_EMAIL))
    return found.start() if found else len(text)


def unfinished_card(text: str) -> int:
    """Where a card number may have begun that goes on after the end of ``text``; its length if none has."""
    found = _CARD_END.search(text, max(0, len(text) - _LONGEST_CARD))
    return found.start() if found else len(text)


def _is_luhn(number: str) -> bool:
    """Whether the check digit is right, as it is in one of ten other numbers."""
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
