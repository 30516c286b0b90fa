-- Single model calls, by what stands out.
-- since = 24h     from when on
-- until = now     up to when
-- by = time       time | cost | seconds | tokens: which come first, the newest or those with most of it
-- pipeline =      only of this pipeline
-- model =         only of this model
-- run =           only of this run
-- failed = 0      0 | 1: only failed ones
-- limit = 50      how many
SELECT
    toDateTime64(Timestamp, 3, 'UTC') AS started,
    RunId AS run,
    SpanId AS span,
    PipelineName AS pipeline,
    StepName AS step,
    Model AS model,
    if(IsError, 'failed', 'completed') AS status,
    ErrorType AS error,
    FinishReason AS finish_reason,
    round(Duration / 1e9, 3) AS seconds,
    TimeToFirstChunk AS first_chunk,
    InputTokens AS tokens_in,
    OutputTokens AS tokens_out,
    Cost AS cost_usd
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({until:Int64})
    AND ({pipeline:String} = '' OR PipelineName = {pipeline:String})
    AND ({model:String} = '' OR Model = {model:String})
    AND ({run:String} = '' OR RunId = {run:String})
    AND ({failed:Bool} = 0 OR IsError)
ORDER BY
    multiIf(
        {by:String} = 'cost', ifNull(Cost, 0),
        {by:String} = 'seconds', Duration / 1e9,
        {by:String} = 'tokens', toFloat64(InputTokens + OutputTokens),
        0
    ) DESC,
    Timestamp DESC, SpanId
LIMIT {limit:UInt32}
