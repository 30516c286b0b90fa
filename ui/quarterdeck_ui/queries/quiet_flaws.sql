-- Calls that succeeded and yet gave nothing whole, by step and day: answers that are empty, or cut off at the token limit.
SELECT
    PipelineName AS Pipeline,
    StepName AS Step,
    toUnixTimestamp(toDate(Timestamp)) AS Day,
    count() AS Calls,
    countIf(OutputTokens = 0 AND InputTokens > 0 AND Operation != 'embeddings') AS Empty,
    countIf(FinishReason = 'length') AS Cut
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND NOT IsError
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY Pipeline, Step, Day
ORDER BY Pipeline, Step, Day
LIMIT {limit:UInt32}
