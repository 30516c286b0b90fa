"""The direct path of live events: decoded on arrival, one small insert for all that came meanwhile."""

import asyncio
import base64
import json
import math
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from quarterdeck import semconv
from quarterdeck_collector.broker import Broker
from quarterdeck_collector.listen.live_events import TABLE, message
from quarterdeck_collector.listen.messages import Row
from quarterdeck_collector.nested import to_json, to_python
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import Store
from quarterdeck_collector.threads import offload

PAUSE: Final = 0.25
"""Seconds between two inserts: what arrives meanwhile goes together. Each insert makes a part, and parts
are what the live path costs. The SDK sends every 200 ms after its last answer: one run alone hardly ever waits."""

PATIENCE: Final = 1.0
"""Seconds that a stopping collector waits for the last insert."""

SETTLING: Final = 5.0
"""Seconds that a listener who comes back waits for the inserts under way."""

_NANOSECONDS: Final = 1_000_000_000
_LARGEST: Final = 2**64 - 1
_LAST: Final = 2**63 - 1
_DIGITS: Final = 30
_COLUMNS: Final = {
    semconv.RUN_ID: "RunId",
    semconv.PIPELINE_NAME: "PipelineName",
    semconv.SPAN_PARENT_ID: "ParentSpanId",
    semconv.SPAN_NAME: "SpanName",
    semconv.STEP_ID: "StepId",
    semconv.STEP_NAME: "StepName",
    semconv.CHUNK_TEXT: "Text",
}


def split(request: Any) -> tuple[Any, Any]:
    """Part a logs request into live events and ordinary records.

    Returns:
        Both as requests of their own, None where there are no such records; the given one if all are of one kind.
    """
    ours = [_is_live(scoped) for whole in request.resource_logs for scoped in whole.scope_logs]
    if not any(ours):
        return None, request
    if all(ours):
        return request, None
    return _part(request, live=True), _part(request, live=False)


def _is_live(scoped: Any) -> bool:
    return bool(scoped.scope.name == semconv.LIVE_SCOPE)


def _part(request: Any, *, live: bool) -> Any:
    part = type(request)()
    part.CopyFrom(request)
    for whole in part.resource_logs:
        kept = [scoped for scoped in whole.scope_logs if _is_live(scoped) is live]
        del whole.scope_logs[:]
        whole.scope_logs.extend(kept)
    return part


def decode(request: Any) -> Iterator[Row]:
    """Turn the records of a request into rows of ``live_events`` that lack a Position."""
    for whole in request.resource_logs:
        resource = {pair.key: text(pair.value) for pair in whole.resource.attributes}
        for scoped in whole.scope_logs:
            for record in scoped.log_records:
                yield _row(record, resource)


def _row(record: Any, resource: dict[str, str]) -> Row:
    attributes = {pair.key: text(pair.value) for pair in record.attributes}
    row: Row = {column: attributes.pop(key, "") for key, column in _COLUMNS.items()}
    return {
        **row,
        "Text": row["Text"] or text(record.body),
        "Timestamp": _timestamp(record.time_unix_nano or record.observed_time_unix_nano),
        "EventName": record.event_name,
        "TraceId": record.trace_id.hex(),
        "SpanId": record.span_id.hex(),
        "StartTime": _timestamp(_integer(attributes.pop(semconv.SPAN_START, ""))),
        "ServiceName": resource.get("service.name", ""),
        "Sequence": _integer(attributes.pop(semconv.CHUNK_SEQUENCE, "")),
        "StandIn": int(resource.get(semconv.PROVIDER_STAND_IN) == "true"),
        "Attributes": attributes,
    }


def _integer(value: str) -> int:
    return min(int(value[:_DIGITS]), _LARGEST) if value.isascii() and value.isdigit() else 0


def _timestamp(nanoseconds: int) -> str:
    """Write a time as ClickHouse reads it: ten digits before the point, nothing after the year 2262."""
    seconds, rest = divmod(min(nanoseconds, _LAST), _NANOSECONDS)
    return f"{seconds:010d}.{rest:09d}"


def text(value: Any) -> str:
    """Write an OTLP ``AnyValue`` as the SQL of the other tables does."""
    case = value.WhichOneof("value")
    return _WRITERS[case](getattr(value, case)) if case else ""


def _array(array: Any) -> str:
    return f"[{','.join(map(_element, array.values))}]"


def _map(pairs: Any) -> str:
    return json.dumps(
        {pair.key: to_python(pair.value) for pair in pairs.values}, ensure_ascii=False, separators=(",", ":")
    )


def _element(value: Any) -> str:
    case = value.WhichOneof("value")
    if case in ("string_value", "bytes_value"):
        return json.dumps(text(value), ensure_ascii=False)
    return to_json(value) if case == "array_value" else text(value) or "null"


def _double(value: float) -> str:
    """Write a float as ClickHouse does: shortest digits, exponent outside 1e-6 to 1e21."""
    if not math.isfinite(value):
        return str(value)
    smallest, largest = -6, 21
    exact = Decimal(repr(value)).normalize()
    sign, digits, exponent = exact.as_tuple()
    scale = len(digits) + int(exponent)
    if smallest < scale <= largest:
        return format(exact, "f")
    mantissa = "".join(map(str, digits))
    return f"{'-' * sign}{mantissa[0]}{'.' * (len(mantissa) > 1)}{mantissa[1:]}e{scale - 1}"


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "string_value": str,
    "bool_value": lambda value: "true" if value else "false",
    "int_value": str,
    "double_value": _double,
    "bytes_value": lambda value: base64.b64encode(value).decode(),
    "array_value": _array,
    "kvlist_value": _map,
}


class LiveIntake:
    """Collects live events for the next insert.

    Args:
        store: Where they go.
        broker: Told of them as well.
    """

    def __init__(self, store: Store, broker: Broker) -> None:
        self._store = store
        self._broker = broker
        self._events: list[Row] = []
        self._batch: asyncio.Future[None] | None = None
        self._inserting: asyncio.Future[None] | None = None
        self._position = 0
        self._last_insert = 0.0
        self._flusher: asyncio.Task[None] | None = None

    async def accept(self, events: list[Row]) -> None:
        """Tell listeners of ``events`` and return when they are in the table.

        Args:
            events: Rows without a Position.

        Raises:
            StoreError: If ClickHouse does not take them.
        """
        for event in events:
            self._position = max(self._position + 1, time.time_ns())
            event["Position"] = self._position
        self._tell(events)
        self._events += events
        if self._batch is None:
            self._batch = asyncio.get_running_loop().create_future()
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_all())
        await asyncio.shield(self._batch)

    def _tell(self, events: list[Row]) -> None:
        self._broker.advance(live=self._position)
        if self._broker.listened:
            self._broker.publish([message(event, self._broker.cursor.log) for event in events])

    async def _flush_all(self) -> None:
        """Insert batch after batch: one at a time, or a slow ClickHouse would get ever more."""
        loop = asyncio.get_running_loop()
        try:
            while (batch := self._batch) is not None:
                await asyncio.sleep(max(0.0, self._last_insert + PAUSE - loop.time()))
                self._last_insert = loop.time()
                events, self._events, self._batch = self._events, [], None
                self._inserting = batch
                await self._insert(events, batch)
        finally:
            self._flusher = None

    async def _insert(self, events: list[Row], batch: "asyncio.Future[None]") -> None:
        try:
            await offload(self._store.insert_rows, self._store.local(TABLE), events)
        except asyncio.CancelledError:
            _fail(batch, StoreError("the collector is stopping", 0))
            raise
        except Exception as error:  # noqa: BLE001 - every waiting request gets it
            _fail(batch, error)
        else:
            batch.set_result(None)

    async def settled(self) -> None:
        """Return when everything that listeners have been told so far is in the table, or never will be.

        Raises:
            StoreError: If ClickHouse takes too long.
        """
        under_way = [batch for batch in (self._inserting, self._batch) if batch is not None and not batch.done()]
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=SETTLING)
            if late:
                raise StoreError("ClickHouse is still busy with the newest events", 0)

    async def close(self) -> None:
        """Wait for the inserts under way, not for long: a ClickHouse that hangs must not hold up the exit."""
        if self._flusher is not None:
            _, late = await asyncio.wait({self._flusher}, timeout=PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._batch is not None and not self._batch.done():
            _fail(self._batch, StoreError("the collector is stopping", 0))


def _fail(batch: "asyncio.Future[None]", error: Exception) -> None:
    batch.set_exception(error)
    batch.exception()  # looked at, should every request have gone away
