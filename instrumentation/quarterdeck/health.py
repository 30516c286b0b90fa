"""Whether an endpoint answers: one warning per outage, whatever is behind it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from quarterdeck.answers import Answer

log: Final = logging.getLogger("quarterdeck")

_NOISY_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)

_DENIED: Final = (401, 403)
_START_ONE: Final = "start one with `quarterdeck up`"
_SEND_A_KEY: Final = (
    "it asks for a token: make one with `quarterdeck token create --name NAME --scope ingest`, set QUARTERDECK_TOKEN"
)


class _Hush(logging.Filter):
    """Keep OpenTelemetry's own complaints quiet on threads where we complain ourselves."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    @contextmanager
    def listening(self, told: Callable[[logging.LogRecord], None]) -> Iterator[None]:
        before = getattr(self._local, "told", None)
        self._local.told = told
        try:
            yield
        finally:
            self._local.told = before

    def filter(self, record: logging.LogRecord) -> bool:
        told = getattr(self._local, "told", None)
        if told is not None:
            told(record)
        return told is None


_hush: Final = _Hush()


def install_hush() -> None:
    """Hook the filter into OpenTelemetry's exporters; hooking it again changes nothing."""
    for name in _NOISY_LOGGERS:
        filters = logging.getLogger(name).filters
        if _hush not in filters:
            # Before the exporters' own filter, which hides repeated complaints: each tells the fate of a request.
            filters.insert(0, _hush)


class Health:
    """Whether an endpoint answers; tells the user once per outage and once when it is over.

    Args:
        endpoint: the address, for the log line. Spans, events and logs of one endpoint share one object.
        ours: whether a collector of ours is to answer there, for the advice.
    """

    def __init__(self, endpoint: str, *, ours: bool = True) -> None:
        self._endpoint = endpoint
        self._ours = ours
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._said_dropped = False
        self._said_refused = False
        self._advice = _START_ONE
        self.kept_where = "for a while"
        self.dropped = 0
        self.on_refused: Callable[[], None] = wait_patiently

    @property
    def away(self) -> bool:
        """Whether the newest request of some kind failed."""
        return bool(self._failing)

    def report(self, signal: str, *, ok: bool) -> None:
        """Note the outcome of one request of ``signal``: ``spans`` or the scope of log records."""
        with self._lock:
            before = self.away
            (self._failing.discard if ok else self._failing.add)(signal)
            after, dropped = self.away, self.dropped
        if before and not after:
            log.info("%s answers again; %d records were dropped meanwhile", self._endpoint, dropped)
        elif after and not before:
            log.warning(
                "cannot deliver telemetry to %s; it is kept %s and sent when the collector answers "
                "(%s); your program is not affected",
                self._endpoint,
                self.kept_where,
                self._advice,
            )

    def hear(self, signal: str, answer: Answer) -> None:
        """Note the answer to one request of ``signal``."""
        if self._ours and (answer.denied or answer.absent):
            self._advice = _SEND_A_KEY if answer.denied else _START_ONE
        elif not answer.taken:
            self._advice = answer.reason
        self.report(signal, ok=answer.taken or answer.final)

    def lose(self, count: int) -> None:
        """Count records that are lost, of which somebody else tells."""
        with self._lock:
            self.dropped += count

    def abandon(self, count: int) -> None:
        """Count records that are lost because the program ends, and say so."""
        self.lose(count)
        log.warning("%d spans or log records could not be delivered to %s and are lost", count, self._endpoint)

    def drop(self, count: int) -> None:
        """Count records that are lost; says so once, unless an outage already explains it."""
        with self._lock:
            self.dropped += count
            say = not self.away and not self._said_dropped
            self._said_dropped = self._said_dropped or say
        if say:
            log.warning("telemetry is produced faster than %s takes it: records are dropped", self._endpoint)

    def refused(self, count: int, reason: str) -> None:
        """Count records that the endpoint will never take; says so once."""
        with self._lock:
            self.dropped += count
            say, self._said_refused = not self._said_refused, True
        if say:
            log.warning("%s refuses telemetry for good (%s): records are dropped", self._endpoint, reason)

    def after_fork(self) -> None:
        """Start afresh in a forked child."""
        self._lock = threading.Lock()

    def complain(self, record: logging.LogRecord) -> None:
        """Take over a complaint of OpenTelemetry's exporters."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self._advice = _SEND_A_KEY if any(code in arguments for code in _DENIED) else _START_ONE
        # An exception for a reason means nobody listens there; an overloaded collector has a status to tell.
        transient = str(record.msg).startswith("Transient error")
        if transient and any(isinstance(argument, Exception) for argument in arguments):
            self.on_refused()


def wait_patiently() -> None:
    """Let the exporter try again as often as it likes."""


class Verdict:
    """What the endpoint thinks of one request, as far as the exporter's complaints tell."""

    _FOR_GOOD: Final = (400, 413, 415, 422)
    _TOO_LARGE: Final = 413

    def __init__(self) -> None:
        self.final = False
        self.too_large = False
        self.reason = ""

    def hear(self, record: logging.LogRecord) -> None:
        """Take in a complaint."""
        text, arguments = str(record.msg), record.args if isinstance(record.args, tuple) else ()
        oversized = text.startswith("Dropping") or self._TOO_LARGE in arguments
        refused = text.startswith("Failed to export") and any(code in arguments for code in self._FOR_GOOD)
        if oversized or refused or text.startswith("Failed to encode"):
            self.final, self.too_large, self.reason = True, oversized, record.getMessage()


@contextmanager
def quietly(health: Health) -> Iterator[Verdict]:
    """Send OpenTelemetry's complaints of the block to ``health`` instead of the log."""
    verdict = Verdict()

    def told(record: logging.LogRecord) -> None:
        verdict.hear(record)
        health.complain(record)

    with _hush.listening(told):
        yield verdict
