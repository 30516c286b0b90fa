-- What runs are called, when they began and in which version, by their ids, in the rows of the days since a time and of the
-- day before: of many runs, out of few columns.
SELECT
    RunId,
    max(r.PipelineName) AS Pipeline,
    max(r.RootName) AS Root,
    max(r.PipelineVersion) AS Version,
    toUnixTimestamp64Nano(min(r.Start)) AS StartNs
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1 AND r.RunId IN {runs:Array(String)}
GROUP BY RunId
ORDER BY StartNs DESC, RunId
