-- The newest runs since a day, or one run by its id; rows of one run may still be unmerged, hence the grouping. Which runs
-- is found in few columns, the rest is read of those alone, also from the day before: a run may go on over midnight.
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
WHERE r.Day >= {since:Date} - 1 AND r.RunId IN (
    SELECT RunId
    FROM runs AS newest
    WHERE newest.Day >= {since:Date} AND ({run:String} = '' OR newest.RunId = {run:String})
    GROUP BY RunId
    HAVING {run:String} != '' OR max(newest.PipelineName) != '' OR sum(newest.ModelCalls) > 0
    ORDER BY min(newest.Start) DESC
    LIMIT {limit:UInt32}
)
GROUP BY RunId
ORDER BY StartNs DESC
