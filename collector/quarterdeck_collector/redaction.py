"""Secrets that a sender let through: replaced before a request is kept, stored or passed on.

Every text of a request is looked into: names, attribute keys and values however deep, bodies, status messages, of all
signals and of fields that are yet to be invented. Nearly all requests hold no secret: those cost one search of their
bytes for the literals that secrets begin with, and come back as they are.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, MatchKind
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]  # ships no types
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from quarterdeck_collector.counters import Counters
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.redaction_rules import BUILT_IN, Findings, Keys, Rule, RuleError, load, matches

MASK: Final = "[redacted:attribute]"
"""What stands for the value of an attribute that is masked by its key."""

CHUNK_BYTES: Final = 256 * 1024
MANY_HITS: Final = 5_000
"""So many literals in one chunk are not looked at one by one."""

_PAIR: Final = KeyValue.DESCRIPTOR.full_name


class Redaction:
    """The rules in force.

    Args:
        rules: Applied to every text, in this order.
        keys: Attributes to mask or drop.
    """

    def __init__(self, rules: Sequence[Rule], keys: Keys) -> None:
        self._rules = tuple(rules)
        self._keys = keys
        self._always = any(not rule.literals for rule in rules)
        literals = [literal for rule in rules for literal in rule.literals] + list(keys.literals())
        encoded = sorted({literal.encode() for literal in literals})
        self._overlap = max((len(literal) for literal in encoded), default=1) - 1
        # Leftmost-first is the kind for which the library searches many bytes at a time. It leaves out matches that
        # overlap: _places says where in a match another may begin.
        self._places = [_beginnings(literal, encoded) for literal in encoded]
        self._automaton = BytesAhoCorasick(encoded, matchkind=MatchKind.LeftmostFirst) if encoded else None
        self._near = re.compile("|".join(_near_patterns(rules, keys)).encode()) if encoded else None

    def suspects(self, body: bytes) -> bool:
        """Whether ``body`` has to be looked into: False is certain, True is not."""
        return self._always or self._finds(body)

    def clean(self, kind: Kind, body: bytes, findings: Findings) -> bytes:
        """Give a request without secrets; the very same object if it holds none.

        Args:
            kind: Its signal.
            body: A serialised request that can be parsed.
            findings: Told what was replaced.
        """
        if not self.suspects(body):
            return body
        message: Any = kind.request.FromString(body)
        changed = self._clean_message(message, findings)
        cleaned = bytes(message.SerializeToString())
        if self._finds(cleaned) and self._discard_unknown(message, findings):
            return bytes(message.SerializeToString())
        return cleaned if changed else body

    def _finds(self, body: bytes) -> bool:
        if self._automaton is None or self._near is None:
            return False
        view = memoryview(body)
        for at in range(0, len(view), CHUNK_BYTES):
            found = self._automaton.find_matches_as_indexes(view[at : at + CHUNK_BYTES + self._overlap])
            if len(found) > MANY_HITS:
                return True
            for which, start, _ in found:
                for place in self._places[which]:
                    if self._near.match(body, at + start + place):
                        return True
        return False

    def _clean_message(self, message: Any, findings: Findings) -> bool:
        if not self.suspects(message.SerializeToString()):
            return False
        changed = False
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                changed |= self._clean_parts(field, value, findings)
            elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
                changed |= self._clean_field(message, field, value, findings)
        return changed

    def _clean_parts(self, field: Any, value: Any, findings: Findings) -> bool:
        if not field.is_repeated:
            return self._clean_message(value, findings)
        changed = False
        if self._keys and field.message_type.full_name == _PAIR:
            changed = self._clean_pairs(value, findings)
        for part in value:
            changed |= self._clean_message(part, findings)
        return changed

    def _clean_pairs(self, pairs: Any, findings: Findings) -> bool:
        changed = False
        for index in range(len(pairs) - 1, -1, -1):
            pair = pairs[index]
            if matches(self._keys.drop, pair.key):
                del pairs[index]
            elif matches(self._keys.mask, pair.key) and pair.value.string_value != MASK:
                pair.value.Clear()
                pair.value.string_value = MASK
            else:
                continue
            findings.counts["attribute"] += 1
            changed = True
        return changed

    def _clean_field(self, message: Any, field: Any, value: Any, findings: Findings) -> bool:
        if not field.is_repeated:
            cleaned = self._clean_value(value, findings)
            if cleaned == value:
                return False
            setattr(message, field.name, cleaned)
            return True
        changed = False
        for index, item in enumerate(value):
            cleaned = self._clean_value(item, findings)
            if cleaned != item:
                value[index] = cleaned
                changed = True
        return changed

    def _clean_value(self, value: str | bytes, findings: Findings) -> str | bytes:
        if isinstance(value, bytes):  # each byte is a character of this encoding
            return self._clean_text(value.decode("latin-1"), findings).encode("latin-1")
        return self._clean_text(value, findings)

    def _clean_text(self, text: str, findings: Findings) -> str:
        for rule in self._rules:
            text = rule.apply(text, findings)
        return text

    def _discard_unknown(self, message: Any, findings: Findings) -> bool:
        """Remove fields that this version of OTLP does not have where they hold what a rule looks for."""
        changed = False
        for part in _parts(message):
            if any(self._finds(data) for data in _unknown_bytes(UnknownFieldSet(part))):
                part.DiscardUnknownFields()
                findings.counts["unknown_field"] += 1
                changed = True
        return changed


async def cleaned(redaction: Redaction, counters: Counters, kind: Kind, message: Any, body: bytes) -> tuple[Any, bytes]:
    """Give a parsed request and its bytes without secrets, and count what was replaced.

    Args:
        redaction: Rules.
        counters: Counts by rule.
        kind: Signal.
        message: The request.
        body: The same, serialised.
    """
    if not redaction.suspects(body):
        return message, body
    findings = Findings()
    clean = await asyncio.to_thread(redaction.clean, kind, body, findings)
    for rule, count in findings.counts.items():
        counters.add("redacted", count, signal=kind.name, rule=rule)
    for rule, count in findings.timeouts.items():
        counters.add("redaction_timeouts", count, signal=kind.name, rule=rule)
    return (message if clean is body else kind.request.FromString(clean)), clean


def _beginnings(literal: bytes, literals: Sequence[bytes]) -> list[int]:
    """Give the places of ``literal`` at which it, or one that overlaps it, may begin."""
    tails = ((place, literal[place:]) for place in range(len(literal)))
    return [
        place for place, tail in tails if any(other.startswith(tail) or tail.startswith(other) for other in literals)
    ]


def _near_patterns(rules: Sequence[Rule], keys: Keys) -> Iterator[str]:
    for rule in rules:
        if rule.near is not None:
            yield rule.near
        else:
            yield from map(re.escape, rule.literals)
    yield from map(re.escape, keys.literals())


def _parts(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                yield from _parts(part)


def _unknown_bytes(fields: Any) -> Iterator[bytes]:
    for field in fields:
        if isinstance(field.data, bytes):
            yield field.data


def from_settings(names: Sequence[str], file: Path | None) -> Redaction:
    """Make the rules that the settings ask for.

    Args:
        names: Built-in rules.
        file: TOML file with the user's own.

    Raises:
        RuleError: If a name is unknown or the file cannot be used.
    """
    if unknown := [name for name in names if name not in BUILT_IN]:
        raise RuleError(f"there is no rule {', '.join(unknown)}; there are {', '.join(BUILT_IN)}, or none")
    own, keys = load(file) if file else ([], Keys())
    return Redaction([*(BUILT_IN[name] for name in dict.fromkeys(names)), *own], keys)
