"""What never leaves the process: keys, tokens and whatever the user's own rules remove."""

import logging
import os
import os.path
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.guard import guarded
from quarterdeck.personal import unfinished_card, unfinished_email, without_cards, without_emails

log: Final = logging.getLogger("quarterdeck")

Hook = Callable[[str, str], str]
"""``hook(attribute_name, text) -> text``; called after the built-in rules."""

RULES: Final = ("secrets", "email", "card")
"""Built-in rules; the first is on by default."""

VARIABLE: Final = "QUARTERDECK_REDACT"
"""Which of them: names with commas between, or ``none``."""

HELD_CHARACTERS: Final = 16_384
"""How much of a stream may wait because it could be the beginning of something secret."""


@dataclass(frozen=True)
class Secret:
    """One kind of secret.

    Args:
        kind: what the marker calls it.
        literals: each match begins with one of these.
        pattern: the secret, in ASCII and without looking around: it also reads raw UTF-8 bytes.
        word: whether it counts only where a word begins.
        rest: what else belongs to it or must follow, in text only.
    """

    kind: str
    literals: tuple[str, ...]
    pattern: str
    word: bool = False
    rest: str = ""


SECRETS: Final = (
    Secret(
        "private_key",
        ("-----BEGIN ",),
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----",
        rest=r".*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
    ),
    Secret("anthropic_key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_\-]{8,}"),
    Secret("google_key", ("AIza",), r"AIza[A-Za-z0-9_\-]{30,}"),
    Secret("google_token", ("ya29.",), r"ya29\.[A-Za-z0-9_\-.]{20,}"),
    Secret("bearer", ("bearer", "Bearer", "BEARER"), r"(?:bearer|Bearer|BEARER)[ \t\r\n]+[A-Za-z0-9_\-.=+/~]{16,}"),
    Secret("api_key", ("sk-",), r"sk-[A-Za-z0-9_\-]{20,}", word=True),
    Secret("aws_key", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z0-9]{16}", word=True, rest=r"(?![A-Za-z0-9_])"),
    Secret(
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
        word=True,
    ),
    Secret("slack_token", ("xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"), r"xox[abprs]-[A-Za-z0-9\-]{10,}", word=True),
    # The first part is bounded, or a long run of its characters would be read to its end from each of its words.
    Secret(
        "jwt",
        ("eyJ",),
        r"eyJ[A-Za-z0-9_\-]{10,1000}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}",
        word=True,
    ),
    Secret("quarterdeck_token", ("qdt_",), r"qdt_[A-Za-z0-9_\-]{16,}", word=True),
)
"""Every kind of secret that is known, the more telling name first."""

# Where a word begins; what comes before may be the escape of a JSON text: ``"\nsk-…"``.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"


def _any_of(secrets: Iterable[Secret]) -> str:
    return "|".join(f"(?P<{secret.kind}>{secret.pattern}{secret.rest})" for secret in secrets)


def _assemble() -> re.Pattern[str]:
    words = [secret for secret in SECRETS if secret.word]
    first = "".join(sorted({literal[0] for secret in words for literal in secret.literals}))
    anywhere = _any_of(secret for secret in SECRETS if not secret.word)
    return re.compile(rf"{anywhere}|(?=[{first}]){_BEGIN}(?:{_any_of(words)})", re.DOTALL)


_SECRETS: Final = _assemble()
_SHORTEST_HINT: Final = 3


def _hints() -> Iterator[str]:
    """Give few texts of which one occurs wherever there is a secret."""
    for secret in SECRETS:
        shared = os.path.commonprefix(secret.literals)  # noqa: RUF071 - of texts, not of paths
        yield from (shared,) if len(shared) >= _SHORTEST_HINT else secret.literals


_SHORTEST: Final = 15
"""Fewer characters hold no secret: ``sk-ant-`` and eight more."""

_HINTS: Final = tuple(hint for hint in _hints() if hint != "sk-ant-")  # that one holds another


def scrub(text: str, found: list[str] | None = None) -> str:
    """Replace every known kind of secret in ``text`` by ``[redacted:KIND]``.

    Args:
        text: what may hold secrets.
        found: gets the kind of each that was replaced.
    """
    if len(text) < _SHORTEST:
        return text
    for hint in _HINTS:  # ``any`` would make a generator for every text
        if hint in text:
            break
    else:
        return text

    def marker(match: re.Match[str]) -> str:
        if found is not None:
            found.append(str(match.lastgroup))
        return f"[redacted:{match.lastgroup}]"

    return _SECRETS.sub(marker, text)


_TOKEN: Final = string.ascii_letters + string.digits + "_-.=+/~\\"
"""Characters that secrets are made of, private keys apart, and the backslash of an escape before one."""

_WORD_CHARACTERS: Final = 32
_LITERALS: Final = tuple(literal for secret in SECRETS for literal in secret.literals)
_BEARER: Final = tuple(literal for literal in _LITERALS if literal.lower() == "bearer")
_KEY_FILE: Final = "-----BEGIN "
_KEY_GOES_ON: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*(?:-{0,5}|PRIVATE KEY-----(?:(?!-----END [A-Z0-9 ]*-----).)*)", re.DOTALL
)


def unfinished(text: str) -> int:
    """Where a secret may have begun that goes on after the end of ``text``; its length if none has."""
    start = max(0, len(text) - HELD_CHARACTERS)
    key = text.rfind(_KEY_FILE, start)
    if key >= 0:
        if _KEY_GOES_ON.fullmatch(text, key):
            return key
        whole = _SECRETS.match(text, key)
        start = whole.end() if whole else start
    before = text[start:].rstrip(_TOKEN)
    at, run = start + len(before), text[start + len(before) :]
    words = before.rstrip(" \t\r\n")
    introduction = next((literal for literal in _BEARER if words.endswith(literal)), "")
    if introduction:  # the word and the blanks after it; the token itself is a run
        return start + len(words) - len(introduction)
    if any(literal in run for literal in _LITERALS):
        return at
    # A short run always waits: its end may begin a secret, and whether that counts depends on what is before it.
    return max(at, len(text) - _WORD_CHARACTERS)


_HARMLESS: Final = frozenset({bool, int, float})


class Redactor:
    """The built-in rules plus the user's hooks, over attribute values of any OTel type."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.rules: tuple[str, ...] = RULES[:1]

    def text(self, name: str, text: str) -> str:
        """Clean one text that belongs to attribute ``name``."""
        if "secrets" in self.rules:
            text = scrub(text)
        if "email" in self.rules:
            text = without_emails(text)[0]
        if "card" in self.rules:
            text = without_cards(text)[0]
        for hook in self.hooks:
            text = _hooked(hook, name, text)
        return text

    def unfinished(self, text: str) -> int:
        """Where something to be removed may have begun that goes on in the next piece of a stream.

        Args:
            text: what has come and was not told yet.

        Returns:
            How many of its characters can be told now. Hooks of the user are not asked: they see piece by piece.
        """
        ends = [len(text)]
        if "secrets" in self.rules:
            ends.append(unfinished(text))
        if "email" in self.rules:
            ends.append(unfinished_email(text))
        if "card" in self.rules:
            ends.append(unfinished_card(text))
        return min(ends)

    def value(self, name: str, value: Any) -> Any:
        """Clean an attribute value; the very same object comes back when nothing had to change."""
        if isinstance(value, str):
            return self.text(name, value)
        if isinstance(value, Mapping):
            return self.attributes(value, prefix=f"{name}.")
        if isinstance(value, bytes):
            text = value.decode("latin-1")  # a character for each byte
            cleaned_text = self.text(name, text)
            return value if cleaned_text == text else cleaned_text.encode("latin-1", "replace")
        if isinstance(value, Sequence):
            cleaned = [self.value(name, item) for item in value]
            return value if all(a is b for a, b in zip(cleaned, value, strict=True)) else cleaned
        return value

    def attributes(self, attributes: Mapping[str, Any] | None, prefix: str = "") -> Mapping[str, Any]:
        """Clean a mapping of attributes; the very same mapping comes back when nothing had to change."""
        if not attributes:
            return attributes or {}
        cleaned: dict[str, Any] = {}
        same = True
        for key, value in attributes.items():
            found = cleaned[key] = value if type(value) in _HARMLESS else self.value(prefix + key, value)
            same = same and found is value
        return attributes if same else cleaned


def _hooked(hook: Hook, name: str, text: str) -> str:
    # Withholding the text is the safe answer when the user's own rule breaks.
    with guarded("run the redaction hook"):
        return hook(name, text)
    return "[redacted: the redaction hook failed]"


def parsed(redact: Any) -> tuple[tuple[str, ...], list[Hook]]:
    """Read what ``init`` was given: built-in rules, those of the environment if none is named, and hooks.

    Raises:
        ValueError: it is something else; the message says what to pass.
    """
    given = [] if redact is None else redact
    if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) or callable(item) for item in given):
        raise ValueError('redact must be a list of names of rules and of functions, such as ["secrets", my_hook]')
    names = [item for item in given if isinstance(item, str)]
    hooks = [item for item in given if not isinstance(item, str)]
    return (rules_from(names) if names else rules_of_environment()), hooks


def rules_from(names: Iterable[str]) -> tuple[str, ...]:
    """Give the built-in rules of these names; ``none`` stands for no rule.

    Raises:
        ValueError: a name is unknown; the message lists them.
    """
    wanted = tuple(name.strip().lower() for name in names if name.strip())
    unknown = [name for name in wanted if name not in (*RULES, "none")]
    if unknown:
        raise ValueError(f"there is no redaction rule {', '.join(unknown)}; there are {', '.join(RULES)}, or none")
    return tuple(dict.fromkeys(name for name in wanted if name != "none"))


def rules_of_environment() -> tuple[str, ...]:
    """Read the rules from the environment; a word that is no rule switches all of them on, loudly."""
    try:
        return (
            rules_from(os.environ.get(VARIABLE, "").split(",")) if os.environ.get(VARIABLE, "").strip() else RULES[:1]
        )
    except ValueError as problem:
        log.warning("%s: %s; every rule is used", VARIABLE, problem)
        return RULES
