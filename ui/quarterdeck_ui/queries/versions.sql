-- Versions of a pipeline that ran in a range, the newest first, out of one row a run.
SELECT
    Version,
    count() AS Runs,
    countIf(RunStatus = 'completed') AS Completed,
    countIf(RunStatus = 'failed') AS Failed,
    min(Begin) AS FirstNs,
    max(Begin) AS LastNs,
    sum(RunCost) AS CostUsd,
    sum(RunUnpriced) AS Unpriced,
    quantileIf(0.5)(Took, RunEnded = 1) AS MedianNs,
    argMax(RunId, (Begin, RunId)) AS NewestRun,
    argMax(Finish, (Begin, RunId)) AS NewestEndNs
FROM (
    SELECT
        RunId,
        max(r.PipelineVersion) AS Version,
        max(r.Status) AS RunStatus,
        max(r.RootSeen) AS RunEnded,
        toUnixTimestamp64Nano(min(r.Start)) AS Begin,
        toUnixTimestamp64Nano(max(r.End)) AS Finish,
        Finish - Begin AS Took,
        sum(r.Cost) AS RunCost,
        sum(r.UnpricedCalls) AS RunUnpriced
    FROM runs AS r
    -- a row of a run may lie unmerged and have no name yet; those of other pipelines are not grouped at all
    WHERE r.PipelineName IN ('', {pipeline:String})
        AND r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
        AND ({until:Int64} = 0 OR r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')))
    GROUP BY RunId
    HAVING max(r.PipelineName) = {pipeline:String}
        AND Begin >= {since:Int64} AND ({until:Int64} = 0 OR Begin < {until:Int64})
        AND ({environment:String} = '' OR max(r.Environment) = {environment:String})
        AND ({service:String} = '' OR max(r.ServiceName) = {service:String})
)
GROUP BY Version
ORDER BY LastNs DESC, Version
LIMIT {limit:UInt32}
