-- Steps of pipelines: how often they ran and failed, and how long they took (seconds).
-- since = 24h     from when on
-- until = now     up to when
-- pipeline =      only of this pipeline
-- limit = 100     how many
SELECT
    PipelineName AS pipeline,
    StepName AS step,
    count() AS times,
    countIf(StatusCode = 'Error') AS failed,
    countIf(toUInt32OrZero(SpanAttributes['quarterdeck.step.attempt']) > 1) AS retries,
    round(quantile(0.5)(Duration) / 1e9, 3) AS seconds_p50,
    round(quantile(0.95)(Duration) / 1e9, 3) AS seconds_p95,
    round(sum(Duration) / 1e9, 3) AS seconds_in_all,
    topK(1)(ErrorType)[1] AS usual_error
FROM otel_traces
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({until:Int64})
    AND StepId = SpanId
    AND StepId != ''
    AND ({pipeline:String} = '' OR PipelineName = {pipeline:String})
GROUP BY pipeline, step
ORDER BY failed DESC, seconds_in_all DESC, pipeline, step
LIMIT {limit:UInt32}
