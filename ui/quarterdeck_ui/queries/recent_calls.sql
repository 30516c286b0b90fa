-- The newest model calls of a time, without their payloads; a word is looked for in pipeline, step, model and ids.
SELECT
    toUnixTimestamp64Milli(Timestamp) AS AtMs, RunId, SpanId, PipelineName, StepName, Model, InputTokens, OutputTokens, Cost,
    Duration / 1e6 AS Milliseconds, IsError, FinishReason
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfHour(Timestamp) <= toStartOfHour(fromUnixTimestamp64Nano({until:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND (
        {needle:String} = ''
        OR positionCaseInsensitiveUTF8(concat(PipelineName, ' ', StepName, ' ', Model, ' ', RunId, ' ', SpanId), {needle:String}) > 0
    )
ORDER BY Timestamp DESC
LIMIT {limit:UInt32}
