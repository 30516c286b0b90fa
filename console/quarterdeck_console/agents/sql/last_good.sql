-- The newest run of a pipeline that completed before a time.
SELECT RunId AS run
FROM runs AS r
WHERE r.Day <= toDate(fromUnixTimestamp64Nano({before:Int64}, 'UTC'))
    AND r.Day >= toDate(fromUnixTimestamp64Nano({before:Int64}, 'UTC')) - 90
    AND r.PipelineName = {pipeline:String}
GROUP BY RunId
HAVING max(r.RootSeen) AND max(r.Status) = 'completed' AND toUnixTimestamp64Nano(min(r.Start)) < {before:Int64}
ORDER BY min(r.Start) DESC
LIMIT 1
