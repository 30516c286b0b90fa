"""How many calls a provider is asked at once and in a minute; further ones wait, and their time-outs do not run."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiolimiter import AsyncLimiter

from quarterdeck_runner.providers import Answer, ModelCall, Models

_MINUTE_S: Final = 60.0


@dataclass(frozen=True)
class Limits:
    """Limits by provider; one that is not named has none.

    Args:
        at_once: calls at once.
        per_minute: calls that begin in any minute.
    """

    at_once: Mapping[str, int]
    per_minute: Mapping[str, int]


class Limited:
    """Models that are asked no more often than allowed.

    Args:
        models: who answers.
        limits: how often they may be asked.
    """

    def __init__(self, models: Models, limits: Limits) -> None:
        self._models = models
        self._slots = {name: asyncio.Semaphore(count) for name, count in limits.at_once.items()}
        # Evenly, not all at the start of a minute: providers refill their own limits evenly, too.
        self._paces = {name: AsyncLimiter(1, _MINUTE_S / count) for name, count in limits.per_minute.items()}

    async def ask(self, call: ModelCall) -> Answer:
        """Wait for a place, then ask."""
        async with contextlib.AsyncExitStack() as held:
            if slot := self._slots.get(call.provider):
                await held.enter_async_context(slot)
            if pace := self._paces.get(call.provider):
                await pace.acquire()
            return await self._models.ask(call)


def parsed(text: str) -> dict[str, int]:
    """Read limits such as ``claude=8,gemini=4``.

    Raises:
        ValueError: it cannot be read; the message says what to write.
    """
    found: dict[str, int] = {}
    for word in filter(None, (each.strip() for each in text.split(","))):
        name, _, count = (part.strip() for part in word.partition("="))
        if name not in {"claude", "gemini"} or not count.isdecimal() or not int(count):
            raise ValueError(f"write 'claude=8,gemini=4', a whole number above 0 for each; '{word}' is none of it")
        found[name] = int(count)
    return found
