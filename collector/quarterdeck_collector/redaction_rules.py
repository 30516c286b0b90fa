"""What a redaction rule is: the SDK's secrets, e-mail addresses, card numbers, and the user's own."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import regex

from quarterdeck.personal import without_cards, without_emails
from quarterdeck.redaction import SECRETS, scrub

MATCH_SECONDS: Final = 0.1
"""Longest search of one user pattern in one text; a text that takes longer is withheld."""

MOST_TIMEOUTS: Final = 10
"""Searches of one request that may take too long; its further texts are withheld unread by that rule."""

_PROBE_SECONDS: Final = 1.0
_PROBES: Final = tuple(unit * (6_000 // len(unit)) + "!" for unit in ("a", "1", " ", "aA1_-", "a.", "a@"))


class RuleError(ValueError):
    """A rule cannot be used; the message names the file and the key, and says why."""


@dataclass
class Findings:
    """What was replaced in one request."""

    counts: Counter[str] = field(default_factory=Counter)
    timeouts: Counter[str] = field(default_factory=Counter)


Apply = Callable[[str, Findings], str]


@dataclass(frozen=True)
class Rule:
    """How one kind of text is found and replaced.

    Args:
        name: What ``--redact`` and the counter call it.
        apply: Gives a text without what the rule looks for, and notes what it found.
        literals: Every match contains one of these; without any, each request is searched text by text.
        near: ASCII pattern that begins with such a literal wherever there is a match; None if the literal is enough.
    """

    name: str
    apply: Apply
    literals: tuple[str, ...] = ()
    near: str | None = None


@dataclass(frozen=True)
class Keys:
    """Attributes that are masked or dropped by their key; a key that ends in ``*`` stands for all that begin so."""

    mask: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.mask or self.drop)

    def literals(self) -> Iterator[str]:
        """Give texts of which one occurs wherever such an attribute does."""
        yield from (key.removesuffix("*") for key in (*self.mask, *self.drop))


def matches(keys: Iterable[str], key: str) -> bool:
    """Whether ``key`` is one of ``keys``."""
    return any(key.startswith(known[:-1]) if known.endswith("*") else key == known for known in keys)


def _secrets(text: str, findings: Findings) -> str:
    found: list[str] = []
    cleaned = scrub(text, found)
    findings.counts.update(found)
    return cleaned


def _emails(text: str, findings: Findings) -> str:
    cleaned, count = without_emails(text)
    findings.counts["email"] += count
    return cleaned


def _cards(text: str, findings: Findings) -> str:
    cleaned, count = without_cards(text)
    findings.counts["card"] += count
    return cleaned


BUILT_IN: Final = {
    "secrets": Rule(
        "secrets",
        _secrets,
        tuple(literal for secret in SECRETS for literal in secret.literals),
        "|".join(f"(?:{secret.pattern})" for secret in SECRETS),
    ),
    "email": Rule("email", _emails, ("@",), r"@[A-Za-z0-9\-]{1,63}\."),
    "card": Rule("card", _cards),
}
"""Rules that ``--redact`` knows."""


def _search(name: str, pattern: "regex.Pattern[str]", literals: tuple[str, ...], text: str, findings: Findings) -> str:
    if literals and not any(literal in text for literal in literals):
        return text
    if findings.timeouts[name] < MOST_TIMEOUTS:
        try:
            cleaned, count = pattern.subn(f"[redacted:{name}]", text, timeout=MATCH_SECONDS, concurrent=True)
        except TimeoutError:
            findings.timeouts[name] += 1
        else:
            findings.counts[name] += count
            return cleaned
    findings.counts[name] += 1
    return f"[redacted: the rule {name} took too long]"


def load(path: Path) -> tuple[list[Rule], Keys]:
    """Read the user's rules from a TOML file.

    Args:
        path: The file: tables ``[patterns.NAME]`` with ``pattern`` and ``contains``, one table ``[attributes]`` with
            ``mask`` and ``drop``.

    Raises:
        RuleError: If it cannot be read or a rule in it cannot be used.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"{path}: {error}") from error
    known = _Table(path, "", document, {"patterns": dict, "attributes": dict})
    patterns, attributes = known.values.get("patterns", {}), known.values.get("attributes", {})
    keys = _Table(path, "attributes", attributes, {"mask": list, "drop": list})
    return [_rule(path, name, table) for name, table in patterns.items()], Keys(keys.texts("mask"), keys.texts("drop"))


_TYPES: Final = {"dict": "a table", "list": "a list of texts", "str": "a text"}


class _Table:
    """A table of the file whose keys are known and of the right types."""

    def __init__(self, path: Path, name: str, values: Any, types: Mapping[str, type]) -> None:
        self.where = f"{path}: {name}" if name else str(path)
        if not isinstance(values, dict):
            raise RuleError(f"{self.where}: should be a table")
        for key, value in values.items():
            if key not in types:
                raise RuleError(f"{self.where}: unknown key {key!r}; there are {', '.join(types)}")
            if not isinstance(value, types[key]):
                raise RuleError(f"{self.where}: {key} should be {_TYPES[types[key].__name__]}")
        self.values: dict[str, Any] = values

    def texts(self, key: str) -> tuple[str, ...]:
        items = tuple(self.values.get(key, ()))
        for item in items:
            if not isinstance(item, str) or not item.removesuffix("*"):
                raise RuleError(f"{self.where}: {key} should hold texts that are not empty, not {item!r}")
        return items


def _rule(path: Path, name: str, values: Any) -> Rule:
    table = _Table(path, f"patterns.{name}", values, {"pattern": str, "contains": list})
    if not re.fullmatch(r"[A-Za-z0-9_\-]{1,40}", name) or name in BUILT_IN:
        raise RuleError(f"{table.where}: call it otherwise; a name has letters, digits, _ and -, and is none of ours")
    if "pattern" not in table.values:
        raise RuleError(f"{table.where}: pattern is missing")
    try:
        pattern = regex.compile(table.values["pattern"])
    except regex.error as error:
        raise RuleError(f"{table.where}: pattern: {error}") from error
    if pattern.search("") is not None:
        raise RuleError(f"{table.where}: pattern matches the empty text, so it would be found everywhere")
    _refuse_slow(table.where, pattern)
    literals = table.texts("contains")
    return Rule(name, partial(_search, name, pattern, literals), literals)


def _refuse_slow(where: str, pattern: "regex.Pattern[str]") -> None:
    for probe in _PROBES:
        try:
            pattern.search(probe, timeout=_PROBE_SECONDS)
        except TimeoutError:
            raise RuleError(
                f"{where}: pattern takes more than a second on {len(probe)} characters like {probe[:4]!r}; "
                "avoid a repeat inside a repeat"
            ) from None
