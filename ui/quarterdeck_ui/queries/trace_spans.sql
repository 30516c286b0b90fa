-- The spans of one run without any payload; what a model call used and cost stands in model_calls, where a call that two
-- spans tell of is counted once. The hour is the first column of both tables' sort key; GLOBAL
-- matters on a cluster only.
WITH
    toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR) AS first_hour,
    toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 1 HOUR) AS last_hour
SELECT
    s.SpanId AS SpanId, s.ParentSpanId AS ParentSpanId, s.SpanName AS SpanName, toUnixTimestamp64Nano(s.Timestamp) AS StartNs,
    s.Duration AS Duration, s.StatusCode AS StatusCode, s.StatusMessage AS StatusMessage, s.Operation AS Operation,
    s.StepId AS StepId, s.StepName AS StepName, s.ErrorType AS ErrorType,
    c.SpanId != '' AS IsModelCall, c.Provider AS Provider, c.Model AS Model, c.InputTokens AS InputTokens,
    c.OutputTokens AS OutputTokens, c.CacheReadTokens AS CacheReadTokens, c.CacheWriteTokens AS CacheWriteTokens,
    c.ReasoningTokens AS ReasoningTokens, c.Cost AS Cost, c.TimeToFirstChunk AS TimeToFirstChunk, c.FinishReason AS FinishReason,
    mapFilter((k, v) -> startsWith(k, 'quarterdeck.') OR startsWith(k, 'gen_ai.tool.'), s.SpanAttributes) AS Attributes
FROM otel_traces AS s
GLOBAL LEFT JOIN (
    SELECT
        SpanId, Provider, Model, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, Cost,
        TimeToFirstChunk, FinishReason
    FROM model_calls
    WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN first_hour AND last_hour
) AS c ON c.SpanId = s.SpanId
WHERE s.RunId = {run:String} AND toStartOfHour(s.Timestamp) BETWEEN first_hour AND last_hour
ORDER BY StartNs, SpanId
LIMIT {limit:UInt32}
