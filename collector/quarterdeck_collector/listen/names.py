"""What events are called on the stream: the names of their attributes' world, spelled as listeners know them."""

from typing import Final

from quarterdeck import semconv

LOG_ENTRY: Final = "log:entry"
"""An ordinary log record."""

DROPPED: Final = "quarterdeck.dropped"
"""Notice: the listener was too slow and has to come again."""

GAP: Final = "quarterdeck.gap"
"""Notice: some events before this point cannot be sent any more."""

_PREFIX: Final = "quarterdeck."


def stream_name(event_name: str) -> str:
    """Give the name on the stream of an event: ``quarterdeck.step.started`` is ``step:started``; others keep theirs."""
    return event_name.removeprefix(_PREFIX).replace(".", ":") if event_name.startswith(_PREFIX) else event_name


EVENT_NAMES: Final = {
    stream_name(value): value
    for name, value in vars(semconv).items()
    if name.startswith("EVENT_") and value.startswith(_PREFIX)
    if value != semconv.EVENT_CONTROL  # an ordinary log record, kept as long as those
}
"""Every live event that our SDK sends or the collector makes: name on the stream to name of the event."""

METRICS_UPDATED: Final = stream_name(semconv.EVENT_METRICS_UPDATED)

ALL_NAMES: Final = frozenset({*EVENT_NAMES, LOG_ENTRY})
"""Every name that a listener may ask for."""
