-- Ids of the newest runs of which something began since a time, out of few columns.
SELECT RunId
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) AND r.Start >= fromUnixTimestamp64Nano({since:Int64})
GROUP BY RunId
HAVING max(r.PipelineName) != '' OR sum(r.ModelCalls) > 0
ORDER BY min(r.Start) DESC, RunId
LIMIT {limit:UInt32}
