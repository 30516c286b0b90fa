-- Everything that is stored of one span.
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT
    toUnixTimestamp64Nano(Timestamp) AS StartNs, Duration, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName,
    StatusCode, StatusMessage, ScopeName, ScopeVersion, SpanAttributes, Payload, ResourceAttributes,
    Events.Timestamp AS EventTimes, Events.Name AS EventNames, Events.Attributes AS EventAttributes
FROM otel_traces
WHERE RunId = {run:String} AND SpanId = {span:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
LIMIT 1
