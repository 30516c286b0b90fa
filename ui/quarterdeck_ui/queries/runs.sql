-- The newest runs of which something began since a time, or one run by its id. The subquery finds them in few columns, and
-- some more than wanted: a run that goes on may have begun earlier. The rest is read of those alone, also from the day
-- before, since a run may go on over midnight. Rows of one run may still be unmerged, hence the grouping; GLOBAL matters
-- on a cluster only.
SELECT
    RunId,
    max(r.TraceId) AS Trace,
    max(r.PipelineName) AS Pipeline,
    max(r.PipelineVersion) AS Version,
    max(r.RootName) AS Root,
    toUnixTimestamp64Nano(min(r.Start)) AS StartNs,
    toUnixTimestamp64Nano(max(r.End)) AS EndNs,
    max(r.RootSeen) AS Ended,
    max(r.Status) AS RunStatus,
    max(r.ErrorType) AS Error,
    max(r.StatusMessage) AS Message,
    length(groupUniqArrayArray(r.StepIndexes)) AS StepCount,
    sum(r.Errors) AS ErrorCount,
    sum(r.ModelCalls) AS Calls,
    sum(r.InputTokens) AS TokensIn,
    sum(r.OutputTokens) AS TokensOut,
    sum(r.Cost) AS CostUsd,
    sum(r.UnpricedCalls) AS Unpriced,
    groupUniqArrayArray(r.Models) AS ModelNames,
    max(r.StandIn) AS IsStandIn
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1 AND r.RunId GLOBAL IN (
    SELECT RunId FROM runs
    WHERE Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) AND Start >= fromUnixTimestamp64Nano({since:Int64})
        AND ({run:String} = '' OR RunId = {run:String})
    GROUP BY RunId
    HAVING {run:String} != '' OR max(PipelineName) != '' OR sum(ModelCalls) > 0
    ORDER BY min(Start) DESC
    LIMIT {limit:UInt32} + 20
)
GROUP BY RunId
HAVING {run:String} != '' OR Pipeline != '' OR Calls > 0
ORDER BY StartNs DESC, RunId
LIMIT {limit:UInt32}
