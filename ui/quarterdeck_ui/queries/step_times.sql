-- Time that steps took, with and without model calls: from their spans, of which only narrow columns are read.
SELECT
    PipelineName AS Pipeline,
    StepName AS Step,
    count() AS Times,
    countIf(StatusCode = 'Error') AS Failed,
    sum(Duration) / 1e9 AS Seconds,
    quantilesBFloat16(0.5, 0.95)(Duration / 1e9) AS Took
FROM otel_traces
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND startsWith(SpanName, 'step ') AND StepName != ''
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY Pipeline, Step
ORDER BY Seconds DESC, Pipeline, Step
LIMIT {limit:UInt32}
