-- Live events that arrived after a position.
SELECT
    Position, toUnixTimestamp64Nano(Timestamp) AS TimestampNs, EventName, RunId, PipelineName, TraceId, SpanId,
    ParentSpanId, SpanName, toUnixTimestamp64Nano(StartTime) AS StartNs, StepId, StepName, ServiceName,
    Sequence, Text, StandIn, Attributes
FROM live_events
WHERE Position > {after:UInt64}
ORDER BY Position
