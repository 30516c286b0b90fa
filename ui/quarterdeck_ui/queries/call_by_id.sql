-- One model call without its payload.
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT
    toUnixTimestamp64Milli(Timestamp) AS AtMs, RunId, SpanId, PipelineName, StepName, Model, InputTokens, OutputTokens, Cost,
    Duration / 1e6 AS Milliseconds, IsError, FinishReason
FROM model_calls
WHERE RunId = {run:String} AND SpanId = {span:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
LIMIT 1
