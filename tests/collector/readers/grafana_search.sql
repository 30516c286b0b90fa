SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName, "Timestamp" as startTime,
    multiply("Duration", 0.000001) as duration
FROM "quarterdeck"."otel_traces"
WHERE ( Timestamp >= toDateTime64(1795499000, 3) AND Timestamp <= toDateTime64(1795501000, 3) )
    AND ( ParentSpanId = '' ) AND ( Duration > 0 )
ORDER BY Timestamp DESC, Duration DESC, traceID
LIMIT 1000
