-- Errors by what went wrong, the most frequent first: numbers, ids and quoted words do not tell two apart.
-- since = 7d      from when on (whole days, UTC)
-- until = now     up to when
-- pipeline =      only of this pipeline
-- limit = 50      how many
-- offset = 0      how many to leave out before
SELECT
    hex(Fingerprint) AS error_group,
    any(e.ErrorType) AS type,
    any(e.Message) AS message,
    sum(e.Errors) AS errors,
    uniqMerge(e.Runs) AS runs,
    toDateTime64(min(e.FirstSeen), 3, 'UTC') AS first_seen,
    toDateTime64(max(e.LastSeen), 3, 'UTC') AS last_seen,
    arraySort(groupUniqArray(toString(e.PipelineName))) AS pipelines,
    arraySort(groupUniqArrayIf(toString(e.StepName), e.StepName != '')) AS steps,
    tupleElement(argMaxMerge(e.LastSpan), 1) AS last_run,
    tupleElement(argMaxMerge(e.LastSpan), 2) AS last_span
FROM error_groups AS e
WHERE e.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
    AND e.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
    AND ({pipeline:String} = '' OR e.PipelineName = {pipeline:String})
GROUP BY Fingerprint
ORDER BY errors DESC, last_seen DESC, error_group
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
