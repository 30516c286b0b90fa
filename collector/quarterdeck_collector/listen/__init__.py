"""``GET /v1/live``: every event to whoever listens, as it arrives and from where a listener was.

The answer is ``text/event-stream``. Each event has

- ``event:`` its name: ``pipeline:started``, ``pipeline:completed``, ``pipeline:error``, ``step:started``,
  ``step:progress``, ``step:completed``, ``prompt:sent``, ``response:streaming``, ``response:received``, ``heartbeat``,
  ``metrics:updated`` or ``log:entry``;
- ``data:`` one JSON object. For live events it is their row of ``live_events``. For ``log:entry`` it has the keys
  Position, Timestamp, EventName, RunId, PipelineName, StepId, StepName, TraceId, SpanId, ServiceName, ScopeName,
  SeverityText, SeverityNumber, Body and Attributes. Times are RFC 3339 with nanoseconds. For ``metrics:updated`` it has
  timestamp, total_pipelines_running and, of the calls of the day (UTC), total_tokens_used, total_cost (USD),
  avg_response_time_ms and error_rate (0 to 1);
- ``id:`` how far the listener is. ``metrics:updated`` has none: only the newest counts.

The stream is two sequences, live events and log entries, each in order and numbered by Position; an id holds both. A
listener who comes back with ``Last-Event-ID`` gets what it missed, first the live events (from the table), then the log
entries (from the newest segments), then what is new: nothing is missed and nothing comes twice. An event whose request
was refused and sent again by its client is new. Notices, which no filter holds back: ``quarterdeck.gap`` (some events
are not kept any more, ``before`` says up to when) and ``quarterdeck.dropped`` (the listener was too slow; come back).
"""
