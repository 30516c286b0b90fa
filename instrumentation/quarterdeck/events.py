"""Log events that are kept with the logs: verdicts, control actions."""

from typing import TYPE_CHECKING

from quarterdeck import config, semconv

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord


def emit(record: "LogRecord") -> None:
    """Send a record in :data:`~quarterdeck.semconv.LOG_SCOPE`, to whatever the program has set up without a collector.

    Args:
        record: from :func:`quarterdeck.channel.record_of`.
    """
    channel = config.live()
    if channel is not None:
        channel.record(record)
        return
    from opentelemetry._logs import get_logger

    get_logger(semconv.LOG_SCOPE).emit(record)
