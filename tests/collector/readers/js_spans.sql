SELECT TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode,
    StatusMessage, Environment, Events.Name AS events, Events.Attributes AS told, Links.SpanId AS links,
    Links.Attributes AS why, Operation, ErrorType
FROM otel_traces
WHERE ServiceName = {service:String}
ORDER BY Timestamp
