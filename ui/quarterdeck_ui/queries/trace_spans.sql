-- The spans of one run without any payload, of the hours of the run alone: the first column of the sort key.
SELECT
    SpanId, ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp) AS StartNs, Duration, StatusCode, StatusMessage,
    Operation, StepId, StepName, ErrorType,
    mapFilter((k, v) -> startsWith(k, 'quarterdeck.') OR startsWith(k, 'gen_ai.tool.'), SpanAttributes) AS Attributes
FROM otel_traces
WHERE RunId = {run:String}
    AND toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 10 MINUTE)
    AND toStartOfHour(Timestamp) <= toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 10 MINUTE)
ORDER BY Timestamp, SpanId
LIMIT {limit:UInt32}
