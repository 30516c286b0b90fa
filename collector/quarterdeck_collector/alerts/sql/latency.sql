-- Latency and time to first token of model calls in windows, seconds; the windows are those of calls.sql.
SELECT
    K,
    sum(c.Calls) AS Calls,
    quantilesBFloat16Merge(0.5, 0.95, 0.99)(c.Took) AS Quantiles,
    quantilesBFloat16Merge(0.5, 0.95, 0.99)(c.First) AS FirstQuantiles,
    Quantiles[1] AS P50, Quantiles[2] AS P95, Quantiles[3] AS P99,
    if(isNaN(FirstQuantiles[1]), NULL, FirstQuantiles[1]) AS First50,
    if(isNaN(FirstQuantiles[2]), NULL, FirstQuantiles[2]) AS First95,
    Calls AS Streamed
FROM (
    SELECT
        toInt64(toUnixTimestamp(m.Time)) AS Begin,
        Begin + {grain:Int64} + {window:Int64} AS End,
        sum(m.Calls) AS Calls,
        quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.DurationQuantiles) AS Took,
        quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.FirstChunkQuantiles) AS First
    FROM ${db}.${sums} AS m
    WHERE m.Time >= toDateTime({since:Int64}) AND m.Time <= toDateTime({until:Int64})
        AND ({pipeline:String} = '' OR m.PipelineName = {pipeline:String})
        AND ({step:String} = '' OR m.StepName = {step:String})
        AND ({provider:String} = '' OR m.Provider = {provider:String})
        AND ({model:String} = '' OR m.Model = {model:String})
        AND ({service:String} = '' OR m.ServiceName = {service:String})
        AND ({environment:String} = '' OR m.Environment = {environment:String})
    GROUP BY m.Time
) AS c
ARRAY JOIN ${windows} AS K
GROUP BY K
ORDER BY K
