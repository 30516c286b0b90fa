-- Model calls of a range, from the sums by minute or hour: by a dimension, and by time where a bucket has a length. Nine
-- tenths of the work are the quantiles, which are NaN unless they are asked for.
WITH arrayReduce('quantilesBFloat16State(0.5, 0.95, 0.99)', emptyArrayFloat64()) AS no_state
SELECT
    if({bucket:UInt32} = 0, 0, toUnixTimestamp(toStartOfInterval(m.Time, toIntervalSecond(greatest({bucket:UInt32}, 1))))) AS Bucket,
    multiIf(
        {dimension:String} = 'pipeline', toString(m.PipelineName),
        {dimension:String} = 'step', concat(m.PipelineName, ' / ', m.StepName),
        {dimension:String} = 'provider', toString(m.Provider),
        {dimension:String} = 'model', toString(m.Model),
        {dimension:String} = 'service', toString(m.ServiceName),
        {dimension:String} = 'environment', toString(m.Environment),
        ''
    ) AS Part,
    sum(m.Calls) AS Calls,
    sum(m.Errors) AS Errors,
    sum(m.InputTokens) AS TokensIn,
    sum(m.OutputTokens) AS TokensOut,
    sum(m.CacheReadTokens) AS CacheRead,
    sum(m.Cost) AS CostUsd,
    sum(m.UnpricedCalls) AS Unpriced,
    sum(m.Duration) / 1e9 AS Seconds,
    quantilesBFloat16MergeIf(0.5, 0.95, 0.99)(if({quantiles:Bool}, m.DurationQuantiles, no_state), {quantiles:Bool}) AS Took,
    quantilesBFloat16MergeIf(0.5, 0.95, 0.99)(if({quantiles:Bool}, m.FirstChunkQuantiles, no_state), {quantiles:Bool}) AS First
FROM {sums:Identifier} AS m
WHERE m.Time >= toStartOfInterval(fromUnixTimestamp64Nano({since:Int64}), toIntervalSecond({grain:UInt32}))
    AND m.Time < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR m.Environment = {environment:String})
    AND ({service:String} = '' OR m.ServiceName = {service:String})
    AND ({pipeline:String} = '' OR m.PipelineName = {pipeline:String})
    AND ({step:String} = '' OR m.StepName = {step:String})
    AND ({provider:String} = '' OR m.Provider = {provider:String})
    AND ({model:String} = '' OR m.Model = {model:String})
GROUP BY Bucket, Part
ORDER BY Bucket, CostUsd DESC, Part
LIMIT {limit:UInt32}
