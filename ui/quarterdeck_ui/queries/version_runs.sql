-- Versions of each pipeline by the time of their first run: how many of their runs failed, and how long a thousand of the
-- completed ones took, the same ones each time.
SELECT
    r.PipelineName AS Pipeline,
    r.PipelineVersion AS Version,
    toUnixTimestamp64Nano(min(r.Start)) AS FirstNs,
    toUnixTimestamp64Nano(max(r.Start)) AS LastNs,
    count() AS Runs,
    countIf(r.Status IN ('failed', 'lost')) AS Failed,
    arrayMap(
        pair -> pair.2,
        groupArraySortedIf(1000)((cityHash64(r.RunId), (toUnixTimestamp64Nano(r.End) - toUnixTimestamp64Nano(r.Start)) / 1e9), r.Status = 'completed')
    ) AS Took
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
    AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
    AND r.RootSeen AND r.PipelineName != '' AND r.PipelineVersion != ''
    AND r.Start >= fromUnixTimestamp64Nano({since:Int64}) AND r.Start < fromUnixTimestamp64Nano({until:Int64})
    AND ({pipeline:String} = '' OR r.PipelineName = {pipeline:String})
    AND ({environment:String} = '' OR r.Environment = {environment:String})
    AND ({service:String} = '' OR r.ServiceName = {service:String})
GROUP BY Pipeline, Version
ORDER BY Pipeline, FirstNs, Version
LIMIT {limit:UInt32}
