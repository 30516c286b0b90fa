-- The last run of a pipeline that completed, and not with an empty result, in the days before a time; else, where later
-- ones count too, the first after it.
SELECT r.RunId AS Run, r.Start < fromUnixTimestamp64Nano({until:Int64}) AS Before
FROM runs AS r
WHERE r.PipelineName = {pipeline:String} AND r.RootSeen AND r.Status = 'completed' AND r.RunId != {run:String}
    AND r.Day >= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')) - {days:UInt16}
    AND ({later:Bool} OR r.Start < fromUnixTimestamp64Nano({until:Int64}) AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')))
    AND r.RunId GLOBAL NOT IN (SELECT RunId FROM failed_spans WHERE ErrorType = 'quarterdeck.EmptyOutput')
ORDER BY Before DESC, if(Before, -1, 1) * toUnixTimestamp64Nano(r.Start)
LIMIT 1
