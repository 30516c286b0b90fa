-- The spans of one run without any payload.
SELECT
    SpanId, ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp) AS StartNs, Duration, StatusCode, StatusMessage,
    Operation, Provider, Model, StepId, StepName, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens,
    ReasoningTokens, Cost, TimeToFirstChunk, FinishReason, ErrorType, IsModelCall,
    mapFilter((k, v) -> startsWith(k, 'quarterdeck.') OR startsWith(k, 'gen_ai.tool.'), SpanAttributes) AS Attributes
FROM otel_traces
WHERE RunId = {run:String} AND toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR)
ORDER BY StartNs, SpanId
LIMIT {limit:UInt32}
