"""The capture policy: payloads in full, as hashes, or not at all."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Literal, get_args

from quarterdeck.guard import guarded
from quarterdeck.values import bounded, dump, fingerprint, plain, to_json

Mode = Literal["full", "hash", "off"]

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
"""From the one that tells most to the one that tells nothing."""

_VARIABLE: Final = "QUARTERDECK_CAPTURE"
_OTEL_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_SCALARS: Final = frozenset({bool, int, float, NoneType})
_MAX_LATE: Final = 65_536
"""Characters of a value that is written later: of a longer one only a part may be kept."""

log: Final = logging.getLogger("quarterdeck")


@dataclass(frozen=True)
class Capture:
    """Turn payloads into attribute values as the policy says; ``None`` means: do not record.

    Args:
        mode: ``full``, ``hash`` (hash and size only) or ``off``.
    """

    mode: Mode = "full"

    @property
    def full(self) -> bool:
        """Whether texts may leave the process."""
        return self.mode == "full"

    def narrowed(self, mode: Mode | None) -> "Capture":
        """Give the stricter of this policy and ``mode``: nothing inside can tell more than what is around it allows."""
        return self if mode is None or MODES.index(mode) <= MODES.index(self.mode) else Capture(mode)

    def value(self, value: Any) -> str | None:
        """Capture an argument, result or configuration."""
        if self.mode == "off" or value is None:
            return None
        with guarded("capture a value"):
            return to_json(value) if self.full else dump(fingerprint(to_json(value)))
        return None

    def later(self, value: Any, *, owned: bool = False) -> "str | Late | None":
        """Capture a value, written as JSON only when it is read if nobody can change it until then.

        Args:
            value: an argument, result or configuration.
            owned: whether it is a dictionary that nobody else holds.
        """
        if value is None or not self.full:
            return self.value(value)
        size = 0
        for item in value.values() if owned else (value,):
            kind = type(item)
            if kind is str:
                size += len(item)
            elif kind not in _SCALARS:
                return self.value(value)
        return Late(value, size) if size <= _MAX_LATE else self.value(value)

    def text(self, text: str) -> str | None:
        """Capture a text as it is, without JSON quotes."""
        if self.mode == "off":
            return None
        return text if self.full else fingerprint(text)

    def messages(self, messages: Sequence[Mapping[str, Any]] | None) -> str | None:
        """Capture GenAI messages or parts; under ``hash`` the shape stays and every content is hashed."""
        if self.mode == "off" or not messages:
            return None
        with guarded("capture messages"):
            kept = plain(messages)
            return bounded(dump(kept if self.full else [_hashed(item) for item in kept]))
        return None


class Late:
    """A captured value that is not written as JSON yet.

    Args:
        value: it; nobody can change it.
        weight: how many characters it holds.
    """

    __slots__ = ("_value", "weight")

    def __init__(self, value: Any, weight: int) -> None:
        self._value = value
        self.weight = weight

    def text(self) -> str:
        """Write it as JSON."""
        return _FULL.value(self._value) or ""


_FULL: Final = Capture()


def _hashed(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: value if key in {"role", "type", "name", "id"} else _hashed(value) for key, value in item.items()}
    if isinstance(item, list) and all(isinstance(member, dict) for member in item):
        return [_hashed(member) for member in item]
    return fingerprint(item if isinstance(item, str) else dump(item))


def checked(mode: Mode | None) -> Mode | None:
    """Give ``mode`` back if it is one.

    Raises:
        ValueError: it is none; the message lists them.
    """
    if mode is not None and mode not in MODES:
        raise ValueError(f"capture must be one of {', '.join(MODES)}, not {mode!r}")
    return mode


def from_environment() -> Capture:
    """Read the policy from the environment; a word that is no policy switches capture off, loudly."""
    word = os.environ.get(_VARIABLE, "").strip().lower()
    if word:
        for mode in MODES:
            if word == mode:
                return Capture(mode)
        log.warning("%s=%r is none of %s: payloads are not captured", _VARIABLE, word, ", ".join(MODES))
        return Capture("off")
    refused = os.environ.get(_OTEL_VARIABLE, "").strip().lower() in {"false", "no_content"}
    return Capture("off" if refused else "full")
