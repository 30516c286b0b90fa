-- Runs behind a point of a chart: those with model calls that ended within an interval, of one model or of all, with the
-- call that stands out most. What stands out is the tokens, the cost, the errors, the time or the time to first chunk.
SELECT
    RunId,
    max(PipelineName) AS Pipeline,
    count() AS Calls,
    sum(IsError) AS Errors,
    sum(InputTokens + OutputTokens) AS Tokens,
    sum(Cost) AS CostUsd,
    max(Duration) / 1e9 AS Longest,
    max(TimeToFirstChunk) AS LongestFirst,
    argMax(SpanId, Weight) AS Span,
    max(Weight) AS Heaviest,
    sum(Weight) AS Whole
FROM (
    SELECT
        *,
        multiIf(
            {by:String} = 'cost', ifNull(Cost, 0),
            {by:String} = 'errors', toFloat64(IsError),
            {by:String} = 'latency', Duration / 1e9,
            {by:String} = 'first', ifNull(TimeToFirstChunk, 0),
            toFloat64(InputTokens + OutputTokens)
        ) AS Weight
    FROM model_calls
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR)
        AND Timestamp > fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR
        AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND addNanoseconds(Timestamp, Duration) >= fromUnixTimestamp64Nano({since:Int64})
        AND addNanoseconds(Timestamp, Duration) < fromUnixTimestamp64Nano({until:Int64})
        AND ({by:String} != 'errors' OR IsError)
        AND ({by:String} != 'first' OR TimeToFirstChunk > 0)
        AND Duration >= {longer:UInt64}
        AND ({shorter:UInt64} = 0 OR Duration < {shorter:UInt64})
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
)
GROUP BY RunId
ORDER BY if({by:String} IN ('latency', 'first'), Heaviest, Whole) DESC, RunId
LIMIT {limit:UInt32}
