"""Names from telemetry inside of Markdown (pure)."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|$~:])")


def plain(text: str) -> str:
    """A text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text.replace("\n", " "))
