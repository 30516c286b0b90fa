-- Calls that were made again because one before them in the same step had failed, by day, step and model.
SELECT
    toUnixTimestamp(toDate(Begun)) AS Day,
    Pipeline, Step, ProviderName, ModelName,
    sum(least(Failed, Calls - 1)) AS Again
FROM (
    SELECT
        StepId,
        min(Timestamp) AS Begun,
        PipelineName AS Pipeline,
        StepName AS Step,
        Provider AS ProviderName,
        RequestModel AS ModelName,
        count() AS Calls,
        sum(IsError) AS Failed
    FROM model_calls
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND StepId != ''
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND StepId GLOBAL IN (
            SELECT StepId FROM model_calls
            WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
                AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
                AND IsError AND StepId != ''
        )
    GROUP BY StepId, Pipeline, Step, ProviderName, ModelName
    HAVING Calls > 1 AND Failed > 0
)
GROUP BY Day, Pipeline, Step, ProviderName, ModelName
ORDER BY Day, Pipeline, Step, ModelName, ProviderName
LIMIT {limit:UInt32}
