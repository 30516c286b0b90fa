-- The spans of one run without any payload; what a model call used and cost stands in model_calls, where a call that two
-- spans tell of is counted once. Both sides read the hours of the run alone (the first column of their sort key), and few
-- columns: analysing a join of two wide tables takes longer than running it.
WITH
    toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 10 MINUTE) AS first_hour,
    toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 10 MINUTE) AS last_hour
SELECT
    SpanId, ParentSpanId, SpanName, StartNs, Duration, StatusCode, StatusMessage, Operation, StepId, StepName, ErrorType,
    c.SpanId != '' AS IsModelCall, Provider, Model, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens,
    ReasoningTokens, Cost, TimeToFirstChunk, FinishReason, Attributes
FROM (
    SELECT
        SpanId, ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp) AS StartNs, Duration, StatusCode, StatusMessage,
        Operation, StepId, StepName, ErrorType,
        mapFilter((k, v) -> startsWith(k, 'quarterdeck.') OR startsWith(k, 'gen_ai.tool.'), SpanAttributes) AS Attributes
    FROM otel_traces
    WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN first_hour AND last_hour
    ORDER BY Timestamp, SpanId
    LIMIT {limit:UInt32}
) AS s
GLOBAL LEFT JOIN (
    SELECT
        SpanId, Provider, Model, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, Cost,
        TimeToFirstChunk, FinishReason
    FROM model_calls
    WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN first_hour AND last_hour
) AS c ON c.SpanId = s.SpanId
ORDER BY StartNs, SpanId
