-- What the model calls of one run used and cost; a call that two spans tell of is here once. Asked beside the spans, not
-- joined to them: planning a join of two wide tables takes longer than both questions.
SELECT
    SpanId, Provider, Model, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, Cost,
    TimeToFirstChunk, FinishReason
FROM model_calls
WHERE RunId = {run:String}
    AND toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 10 MINUTE)
    AND toStartOfHour(Timestamp) <= toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 10 MINUTE)
