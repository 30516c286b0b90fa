-- How many runs of a pipeline completed within a range.
SELECT uniqExact(RunId) AS Runs
FROM runs
WHERE PipelineName = {pipeline:String} AND RootSeen AND Status = 'completed'
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
