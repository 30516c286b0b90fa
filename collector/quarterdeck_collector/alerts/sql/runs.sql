-- Runs by the time they ended, in windows that end at {first} + K * {every}. A row of a run that ended before the windows
-- cannot tell of one that ended in them, whatever else merges will make of it.
SELECT
    K,
    count() AS Runs,
    countIf(r.Outcome IN ('failed', 'lost')) AS Failed,
    Failed / Runs AS FailureRate,
    quantilesExactInclusive(0.5, 0.95)(r.Seconds) AS Durations,
    Durations[1] AS Duration50,
    Durations[2] AS Duration95
FROM (
    SELECT
        RunId,
        toUnixTimestamp64Nano(max(t.End)) / 1e9 AS Begin,
        Begin + {window:Int64} AS End,
        (toUnixTimestamp64Nano(max(t.End)) - toUnixTimestamp64Nano(min(t.Start))) / 1e9 AS Seconds,
        max(t.Status) AS Outcome
    FROM ${db}.runs AS t
    WHERE t.Day >= toDate(toDateTime({since:Int64}, 'UTC')) - 1 AND t.Day <= toDate(toDateTime({until:Int64}, 'UTC'))
        AND t.End > toDateTime64({since:Int64}, 9)
    GROUP BY RunId
    HAVING max(t.RootSeen) = 1
        AND (max(t.PipelineName) != '' OR sum(t.ModelCalls) > 0)
        AND ({pipeline:String} = '' OR max(t.PipelineName) = {pipeline:String})
        AND ({service:String} = '' OR max(t.ServiceName) = {service:String})
        AND ({environment:String} = '' OR max(t.Environment) = {environment:String})
) AS r
ARRAY JOIN ${windows} AS K
GROUP BY K
ORDER BY K
