"""Standard ``logging`` records as OTLP log records with the ids of the trace they were written in.

OpenTelemetry's SDK deprecates its own handler in favour of a contrib package, hence this small bridge.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import get_current

from quarterdeck.channel import Channel
from quarterdeck.context import identity_of, run_in, step_in
from quarterdeck.failures import described
from quarterdeck.guard import guarded
from quarterdeck.live import Live
from quarterdeck.otel_variables import text
from quarterdeck.values import cut

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import LogRecordLimits

_SILENT: Final = ("quarterdeck.export", "opentelemetry", "urllib3", "requests")
"""Loggers of our own way out: their records would produce more of themselves."""

_LIMITED: Final = ("COUNT", "VALUE_LENGTH")
_SEVERITIES: Final = ((50, 21, "FATAL"), (40, 17, "ERROR"), (30, 13, "WARN"), (20, 9, "INFO"), (0, 5, "DEBUG"))
"""Lowest ``logging`` level, OTel severity number, OTel severity text."""


class Bridge:
    """Queue every ``logging`` record for the collector, at the moment it is made.

    It sits in the record factory, not among the handlers: a handler on the root logger would make
    ``logging.basicConfig`` a no-op and silence the warnings that Python prints when there is no handler.

    Args:
        channel: where records go.
        live: whose thread sends them.
    """

    def __init__(self, channel: Channel, live: Live) -> None:
        self._channel = channel
        self._live = live
        self._busy = threading.local()
        self._active = True
        self._limits = _limits()
        self._make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

    def install(self) -> None:
        """Begin."""
        logging.setLogRecordFactory(self)

    def remove(self) -> None:
        """End; where somebody has wrapped the factory since, it stays in the chain and does nothing."""
        self._active = False
        if logging.getLogRecordFactory() is self:
            logging.setLogRecordFactory(self._make)

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Make a record as the factory before us would, and queue a copy."""
        record = self._make(*args, **kwargs)
        if self._active and _is_wanted(record) and not getattr(self._busy, "now", False):
            self._busy.now = True
            try:
                with guarded("bridge a log record"):
                    self._channel.put(translate(record, self._limits))
                    self._live.nudge()
            finally:
                self._busy.now = False
        return record


def _is_wanted(record: logging.LogRecord) -> bool:
    # logging.makeLogRecord makes an empty record first: no name, no level.
    told = isinstance(record.name, str) and isinstance(record.levelno, int) and record.levelno >= logging.INFO
    return told and not _is_ours(record.name)


def _is_ours(name: str) -> bool:
    return name == "quarterdeck" or name.startswith(_SILENT)


def _limits() -> "LogRecordLimits | None":
    """Limits that the environment sets, so that most programs need not look at each record."""
    if not text(*(f"OTEL_{kind}ATTRIBUTE_{what}_LIMIT" for kind in ("", "LOGRECORD_") for what in _LIMITED)):
        return None
    from opentelemetry.sdk._logs import LogRecordLimits

    return LogRecordLimits()


def translate(record: logging.LogRecord, limits: "LogRecordLimits | None" = None) -> "LogRecord":
    """Turn a ``logging`` record into an OTLP one."""
    from opentelemetry._logs import LogRecord, SeverityNumber

    number, name = next((number, name) for level, number, name in _SEVERITIES if record.levelno >= level)
    return LogRecord(
        timestamp=int(record.created * 1e9),
        observed_timestamp=time.time_ns(),
        context=get_current(),
        severity_number=SeverityNumber(number),
        severity_text=name,
        body=cut(record.getMessage()),
        attributes=_attributes(record) if limits is None else _bounded(_attributes(record), limits),
    )


def _bounded(attributes: dict[str, Any], limits: "LogRecordLimits") -> dict[str, Any]:
    most, length = limits.max_log_record_attributes, limits.max_log_record_attribute_length
    return dict(BoundedAttributes(most, attributes, max_value_len=length))


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        **identity_of(run_in(None), step_in(None)),
        "log.logger.name": record.name,
        "code.file.path": record.pathname,
        "code.line.number": record.lineno,
        "code.function.name": record.funcName,
    }
    if record.exc_info and record.exc_info[1] is not None:
        found |= described(record.exc_info[1])
    return found
