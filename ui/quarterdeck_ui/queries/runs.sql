-- Runs by their ids, in the rows of the days since a time and of the day before, so that a run which goes on over midnight
-- does not seem to begin there. Rows of one run may still be unmerged, hence the grouping.
SELECT
    RunId,
    max(r.TraceId) AS Trace,
    max(r.PipelineName) AS Pipeline,
    max(r.PipelineVersion) AS Version,
    max(r.RootName) AS Root,
    max(r.Environment) AS Place,
    max(r.ServiceName) AS Service,
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
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1 AND r.RunId IN {runs:Array(String)}
GROUP BY RunId
ORDER BY StartNs DESC, RunId
