-- How many steps a completed run of each pipeline has had lately and how long it took: the middle of all. A run whose rows
-- are not merged yet may count without its steps.
SELECT
    PipelineName AS Pipeline,
    quantileExactIf(0.5)(length(StepIndexes), notEmpty(StepIndexes)) AS Steps,
    quantileExact(0.5)(toUnixTimestamp64Milli(End) - toUnixTimestamp64Milli(Start)) AS Milliseconds
FROM runs
WHERE Day >= toDate(now('UTC')) - 1 AND RootSeen AND Status = 'completed' AND PipelineName != ''
GROUP BY Pipeline
LIMIT 1000
