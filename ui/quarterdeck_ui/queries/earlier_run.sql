-- The newest run of a pipeline of those that began before a time and have ended.
SELECT r.RunId AS Run, toUnixTimestamp64Milli(r.Start) AS StartMs
FROM runs AS r
WHERE r.PipelineName = {pipeline:String} AND r.RootSeen AND r.RunId != {run:String}
    AND r.Start < fromUnixTimestamp64Nano({until:Int64})
    AND r.Day BETWEEN toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')) - 60 AND toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
ORDER BY r.Start DESC, Run
LIMIT 1
