-- Model calls by day, step and model, of the steps that used more than one model: sums that models are compared by.
-- Speed counts the tokens after the first one, of calls that tell when that came. Grouped by one hash of the names, each
-- hashed once a block rather than once a call: grouping by four columns of names takes as long as all the rest.
SELECT
    toUnixTimestamp(At) AS Day, Pipeline, Step, ProviderName, ModelName,
    Calls, Errors, Answers, Seconds, CostUsd, Priced, First, Streamed, Streaming, StreamSeconds
FROM (
    SELECT
        toDate(Timestamp) AS At,
        bitXor(
            bitXor(cityHash64(PipelineName), bitRotateLeft(cityHash64(StepName), 16)),
            bitXor(bitRotateLeft(cityHash64(Provider), 32), bitRotateLeft(cityHash64(Model), 48))
        ) AS Names,
        any(PipelineName) AS Pipeline,
        any(StepName) AS Step,
        any(Provider) AS ProviderName,
        any(Model) AS ModelName,
        count() AS Calls,
        sum(IsError) AS Errors,
        countIf(NOT IsError) AS Answers,
        sumIf(Duration, NOT IsError) / 1e9 AS Seconds,
        sum(ifNull(Cost, 0)) AS CostUsd,
        countIf(Cost IS NOT NULL) AS Priced,
        sumIf(assumeNotNull(TimeToFirstChunk), NOT IsError AND TimeToFirstChunk > 0) AS First,
        countIf(NOT IsError AND TimeToFirstChunk > 0) AS Streamed,
        sumIf(OutputTokens, NOT IsError AND TimeToFirstChunk > 0 AND Duration / 1e9 > TimeToFirstChunk) AS Streaming,
        sumIf(Duration / 1e9 - assumeNotNull(TimeToFirstChunk), NOT IsError AND TimeToFirstChunk > 0 AND Duration / 1e9 > TimeToFirstChunk) AS StreamSeconds
    FROM model_calls
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND PipelineName != '' AND StepName != '' AND Model != ''
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
    GROUP BY At, Names
)
WHERE (Pipeline, Step) GLOBAL IN (
    SELECT PipelineName, StepName FROM llm_1h
    WHERE Time >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64})) AND Time < fromUnixTimestamp64Nano({until:Int64})
    GROUP BY PipelineName, StepName
    HAVING uniqExact(Model) > 1
)
ORDER BY Pipeline, Step, ModelName, ProviderName, Day
LIMIT {limit:UInt32}
