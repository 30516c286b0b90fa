-- Runs that ended, by a dimension and by the time they began. The row that has seen the root spans the whole run even while
-- rows of one run are unmerged, so that nothing need be grouped by run.
SELECT
    if({bucket:UInt32} = 0, 0, toUnixTimestamp(toStartOfInterval(r.Start, toIntervalSecond(greatest({bucket:UInt32}, 1))))) AS Bucket,
    multiIf(
        {dimension:String} = 'pipeline', toString(r.PipelineName),
        {dimension:String} = 'version', concat(r.PipelineName, ' / ', r.PipelineVersion),
        {dimension:String} = 'service', toString(r.ServiceName),
        {dimension:String} = 'environment', toString(r.Environment),
        ''
    ) AS Part,
    count() AS Runs,
    countIf(r.Status IN ('failed', 'lost')) AS Failed,
    countIf(r.Status = 'cancelled') AS Cancelled,
    quantilesBFloat16(0.5, 0.95)((toUnixTimestamp64Nano(r.End) - toUnixTimestamp64Nano(r.Start)) / 1e9) AS Took
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
    AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
    AND r.RootSeen AND r.PipelineName != ''
    AND r.Start >= fromUnixTimestamp64Nano({since:Int64}) AND r.Start < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR r.Environment = {environment:String})
    AND ({service:String} = '' OR r.ServiceName = {service:String})
    AND ({pipeline:String} = '' OR r.PipelineName = {pipeline:String})
GROUP BY Bucket, Part
ORDER BY Bucket, Runs DESC, Part
LIMIT {limit:UInt32}
