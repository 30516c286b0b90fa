-- Runs that ended after a time, with what they used and cost: those whose own span has arrived. GLOBAL matters on a
-- cluster only.
SELECT
    RunId AS run,
    max(r.PipelineName) AS pipeline,
    max(r.Status) AS status,
    toUnixTimestamp64Nano(min(r.Start)) AS started_ns,
    toUnixTimestamp64Nano(max(r.End)) AS ended_ns,
    length(groupUniqArrayArray(r.StepIndexes)) AS steps,
    sum(r.ModelCalls) AS calls,
    sum(r.InputTokens) AS tokens_in,
    sum(r.OutputTokens) AS tokens_out,
    sum(r.Cost) AS cost_usd,
    sum(r.UnpricedCalls) AS unpriced_calls,
    max(r.ErrorType) AS error,
    max(r.StatusMessage) AS message
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1
    AND r.RunId GLOBAL IN (
        SELECT e.RunId
        FROM runs AS e
        WHERE e.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1
            AND e.RootSeen
            AND e.End >= fromUnixTimestamp64Nano({since:Int64})
            AND (empty({runs:Array(String)}) OR e.RunId IN {runs:Array(String)})
            AND (empty({pipelines:Array(String)}) OR e.PipelineName IN {pipelines:Array(String)})
    )
GROUP BY RunId
HAVING pipeline != '' OR calls > 0
ORDER BY ended_ns, run
LIMIT 1000
