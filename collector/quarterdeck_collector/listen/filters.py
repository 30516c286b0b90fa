"""What a listener wants to hear."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from quarterdeck_collector.listen.messages import Message
from quarterdeck_collector.listen.names import ALL_NAMES, EVENT_NAMES, LOG_ENTRY

SEVERITIES: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
"""Names of OpenTelemetry's severity ranges and the number that each begins with."""

_HIGHEST: Final = 24


class FilterError(Exception):
    """A filter that cannot be meant; the message says what can."""


@dataclass(frozen=True)
class Filter:
    """What a listener wants: empty sets mean everything.

    Args:
        runs: Run ids.
        pipelines: Pipeline names.
        names: Names on the stream.
        severity: Least OpenTelemetry severity number of log entries; other events have none and pass.
    """

    runs: frozenset[str] = frozenset()
    pipelines: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    severity: int = 0

    @classmethod
    def parse(cls, runs: Iterable[str], pipelines: Iterable[str], names: Iterable[str], severity: str) -> "Filter":
        """Read the query of a request.

        Args:
            runs: Run ids.
            pipelines: Pipeline names.
            names: Names on the stream; ``step:*`` stands for all that begin with ``step:``.
            severity: A key of :data:`SEVERITIES`, a number from 1 to 24, or nothing.

        Raises:
            FilterError: If a name or the severity does not exist.
        """
        wanted = frozenset(name for pattern in names for name in _expanded(pattern))
        return cls(frozenset(runs), frozenset(pipelines), wanted, _severity(severity))

    @property
    def wants_logs(self) -> bool:
        """Whether a log entry could pass."""
        return not self.names or LOG_ENTRY in self.names

    @property
    def live_events(self) -> frozenset[str] | None:
        """Event names to look for among the live events; None for all."""
        return frozenset(EVENT_NAMES[name] for name in self.names - {LOG_ENTRY}) if self.names else None

    def passes(self, message: Message) -> bool:
        """Whether the listener wants ``message``."""
        return (
            (not self.names or message.name in self.names)
            and (not self.runs or message.run in self.runs)
            and (not self.pipelines or message.pipeline in self.pipelines)
            and (message.severity is None or message.severity >= self.severity)
        )


def _expanded(pattern: str) -> frozenset[str]:
    prefix = pattern.removesuffix("*")
    found = frozenset(name for name in ALL_NAMES if name == pattern or (prefix != pattern and name.startswith(prefix)))
    if not found:
        raise FilterError(
            f"there is no event {pattern!r}; known are {', '.join(sorted(ALL_NAMES))}, and beginnings such as step:*"
        )
    return found


def _severity(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _HIGHEST:
        return int(text)
    if text.lower() not in SEVERITIES:
        raise FilterError(
            f"there is no severity {text!r}; use {', '.join(SEVERITIES)} or a number from 1 to {_HIGHEST}"
        )
    return SEVERITIES[text.lower()]
