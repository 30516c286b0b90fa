"""What never leaves the process: keys, tokens and whatever the user's hook removes."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quarterdeck.guard import guarded

Hook = Callable[[str, str], str]
"""``hook(attribute_name, text) -> text``; called after the built-in rules."""

# Where a word begins; what comes before may be the escape of a JSON text: ``"\nsk-…"``.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
_SECRETS: Final = re.compile(
    r"(?P<private_key>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z))"
    r"|(?P<anthropic_key>sk-ant-[A-Za-z0-9_\-]{8,})"
    r"|(?P<google_key>AIza[A-Za-z0-9_\-]{30,})"
    r"|(?P<google_token>ya29\.[A-Za-z0-9_\-.]{20,})"
    rf"|(?=[sAgxe]){_BEGIN}(?:"
    r"(?P<api_key>sk-[A-Za-z0-9_\-]{20,})"
    r"|(?P<aws_key>(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9_]))"
    r"|(?P<github_token>gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"
    r"|(?P<slack_token>xox[abprs]-[A-Za-z0-9\-]{10,})"
    r"|(?P<jwt>eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}))"
    r"|(?P<bearer>(?i:bearer)\s+[A-Za-z0-9_\-.=+/~]{16,})",
    re.DOTALL,
)

_HINTS: Final = ("sk-", "AIza", "earer", "EARER", "PRIVATE KEY", "AKIA", "ASIA", "gh", "xox", "eyJ", "ya29.")


def scrub(text: str) -> str:
    """Replace every known kind of secret in ``text`` by ``[redacted:KIND]``."""
    if not any(hint in text for hint in _HINTS):
        return text
    return _SECRETS.sub(lambda match: f"[redacted:{match.lastgroup}]", text)


class Redactor:
    """The built-in rules plus the user's hooks, over attribute values of any OTel type."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []

    def text(self, name: str, text: str) -> str:
        """Clean one text that belongs to attribute ``name``."""
        text = scrub(text)
        for hook in self.hooks:
            text = _hooked(hook, name, text)
        return text

    def value(self, name: str, value: Any) -> Any:
        """Clean an attribute value; the very same object comes back when nothing had to change."""
        if isinstance(value, str):
            return self.text(name, value)
        if isinstance(value, Mapping):
            return self.attributes(value, prefix=f"{name}.")
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            cleaned = [self.value(name, item) for item in value]
            return value if all(a is b for a, b in zip(cleaned, value, strict=True)) else cleaned
        return value

    def attributes(self, attributes: Mapping[str, Any] | None, prefix: str = "") -> Mapping[str, Any]:
        """Clean a mapping of attributes; the very same mapping comes back when nothing had to change."""
        if not attributes:
            return attributes or {}
        cleaned = {key: self.value(prefix + key, value) for key, value in attributes.items()}
        return attributes if all(cleaned[key] is attributes[key] for key in cleaned) else cleaned


def _hooked(hook: Hook, name: str, text: str) -> str:
    # Withholding the text is the safe answer when the user's own rule breaks.
    with guarded("run the redaction hook"):
        return hook(name, text)
    return "[redacted: the redaction hook failed]"
