-- What the runs cost whose spans carry an attribute, or whose resource does, by its value. Reads the attributes of all spans
-- of the range, which takes seconds where they are many millions.
SELECT Tag, count() AS Runs, sum(Calls) AS ModelCalls, sum(TokensIn + TokensOut) AS Tokens, sum(CostUsd) AS RunCost, sum(Unpriced) AS UnpricedCalls
FROM (
    SELECT
        r.RunId AS Run,
        sum(r.ModelCalls) AS Calls,
        sum(r.InputTokens) AS TokensIn,
        sum(r.OutputTokens) AS TokensOut,
        sum(r.Cost) AS CostUsd,
        sum(r.UnpricedCalls) AS Unpriced
    FROM runs AS r
    WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
        AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
        AND r.Start >= fromUnixTimestamp64Nano({since:Int64}) AND r.Start < fromUnixTimestamp64Nano({until:Int64})
    GROUP BY Run
) AS spent
GLOBAL INNER JOIN (
    SELECT RunId AS Run, max(firstNonDefault(SpanAttributes[{tag:String}], ResourceAttributes[{tag:String}])) AS Tag
    FROM otel_traces
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
    GROUP BY Run
    HAVING Tag != ''
) AS tagged USING (Run)
GROUP BY Tag
ORDER BY RunCost DESC, Tag
LIMIT {limit:UInt32}
