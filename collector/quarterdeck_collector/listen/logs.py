"""Log records to listeners: decoded in Python, after they are on disk, and only if somebody listens."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck import semconv
from quarterdeck_collector.broker import Broker
from quarterdeck_collector.listen.messages import Cursor, Message, Row, iso
from quarterdeck_collector.listen.names import LOG_ENTRY
from quarterdeck_collector.live import text
from quarterdeck_collector.receive.body import OFFLOAD_BYTES
from quarterdeck_collector.receive.otlp import LOGS
from quarterdeck_collector.segments import unframe

AT_ONCE: Final = 500
"""Records that are told before others get their turn."""

PENDING_BYTES: Final = 16 << 20
"""Requests that may wait to be decoded; beyond that listeners of logs are dropped, to come again and read the disk."""

_LAST: Final = 2**63 - 1


def entries(framed: bytes, first: int) -> Iterator[Row]:
    """Decode committed requests.

    Args:
        framed: Length-delimited logs requests, as they lie in a segment.
        first: Position of the first record; each further one has the next.
    """
    position = first
    for body in unframe(framed)[0]:
        try:
            request = LOGS.request.FromString(bytes(body))
        except DecodeError:
            position += LOGS.count_bytes(bytes(body))
            continue
        for row in _rows(request):
            yield {"Position": position, **row}
            position += 1


def _rows(request: Any) -> Iterator[Row]:
    for whole in request.resource_logs:
        service = next((text(pair.value) for pair in whole.resource.attributes if pair.key == "service.name"), "")
        for scoped in whole.scope_logs:
            for record in scoped.log_records:
                yield _row(record, service, scoped.scope.name)


def _row(record: Any, service: str, scope: str) -> Row:
    attributes = {pair.key: text(pair.value) for pair in record.attributes}
    trace = record.trace_id.hex()
    return {
        "Timestamp": iso(min(record.time_unix_nano or record.observed_time_unix_nano, _LAST)),
        "EventName": record.event_name,
        "RunId": attributes.get(semconv.RUN_ID) or trace,
        "PipelineName": attributes.get(semconv.PIPELINE_NAME, ""),
        "StepId": attributes.get(semconv.STEP_ID, ""),
        "StepName": attributes.get(semconv.STEP_NAME, ""),
        "TraceId": trace,
        "SpanId": record.span_id.hex(),
        "ServiceName": service,
        "ScopeName": scope,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number,
        "Body": text(record.body),
        "Attributes": attributes,
    }


def message(row: Row, live: int) -> Message:
    """Make the event of a log record.

    Args:
        row: Decoded record.
        live: Position of the last live event that is behind it.
    """
    return Message(
        LOG_ENTRY, row, row["RunId"], row["PipelineName"], row["SeverityNumber"], Cursor(live, row["Position"])
    )


class LogTail:
    """Tells listeners of log records, in the order in which they were committed.

    Args:
        broker: Knows the listeners.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._pending: deque[tuple[int, bytes, int]] = deque()
        self._bytes = 0
        self._worker: asyncio.Task[None] | None = None

    def committed(self, first: int, requests: list[bytes], items: int) -> None:
        """Take note of requests that are on disk.

        Args:
            first: Position of their first record.
            requests: As they were written, each with its length in front.
            items: Records in them.
        """
        if self._bytes > PENDING_BYTES:
            self._broker.drop_all(LOG_ENTRY)
        if not self._broker.wants(LOG_ENTRY):
            self._pending.clear()
            self._bytes = 0
            self._broker.advance(log=first + items - 1)
            return
        framed = b"".join(requests)
        self._pending.append((first, framed, items))
        self._bytes += len(framed)
        if self._worker is None:
            self._worker = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        try:
            while self._pending:
                first, framed, items = self._pending.popleft()
                self._bytes -= len(framed)
                if len(framed) > OFFLOAD_BYTES:
                    rows = await asyncio.to_thread(_all_entries, framed, first)
                else:
                    rows = _all_entries(framed, first)
                for start in range(0, len(rows), AT_ONCE):
                    self._tell(rows[start : start + AT_ONCE])
                    await asyncio.sleep(0)
                self._broker.advance(log=first + items - 1)
        finally:
            self._worker = None

    def _tell(self, rows: list[Row]) -> None:
        # Those behind the cursor were passed over meanwhile, when nobody listened.
        fresh = [row for row in rows if row["Position"] > self._broker.cursor.log]
        if fresh:
            self._broker.advance(log=fresh[-1]["Position"])
            self._broker.publish([message(row, self._broker.cursor.live) for row in fresh])


def _all_entries(framed: bytes, first: int) -> list[Row]:
    return list(entries(framed, first))
