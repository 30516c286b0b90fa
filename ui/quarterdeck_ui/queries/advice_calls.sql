-- What the calls of each step took within a time, the dearest first; Rates are USD per million tokens of input and cache read.
SELECT
    PipelineName, StepName, Model,
    count() AS Calls,
    sum(ifNull(c.Cost, 0)) AS Cost,
    sum(c.InputTokens) AS TokensIn,
    sum(c.CacheReadTokens) AS CacheRead,
    countIf(lower(c.FinishReason) IN ('length', 'max_tokens')) AS Cut,
    sumIf(ifNull(c.Cost, 0), lower(c.FinishReason) IN ('length', 'max_tokens')) AS CutCost,
    argMaxIf((c.RunId, c.SpanId), c.Timestamp, lower(c.FinishReason) IN ('length', 'max_tokens')) AS CutCall,
    sum(c.IsError) AS Failed,
    sumIf(ifNull(c.Cost, 0), c.IsError) AS FailedCost,
    sumIf(c.Duration, c.IsError) / 1e9 AS FailedSeconds,
    uniqExactIf(c.RunId, c.IsError) AS FailedRuns,
    argMaxIf((c.RunId, c.SpanId), c.Timestamp, c.IsError) AS FailedCall,
    arraySlice(
        argMax(dictGetOrDefault('model_prices', 'Rates', (toString(c.Provider), toString(c.PriceModel)), toDate(c.Timestamp), [0., 0., 0., 0., 0.]), c.Timestamp),
        1, 2
    ) AS Rates,
    Rates[1] AS InputRate,
    Rates[2] AS CacheReadRate
FROM model_calls AS c
WHERE toStartOfHour(c.Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND c.Timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY PipelineName, StepName, Model
ORDER BY Cost DESC, Calls DESC
LIMIT {limit:UInt32}
