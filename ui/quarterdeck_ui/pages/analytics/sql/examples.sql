-- example Cost of each model by day
SELECT toDate(Time) AS day, Model, round(sum(Cost), 4) AS usd, sum(Calls) AS calls
FROM llm_1h
WHERE Time >= now() - INTERVAL 14 DAY
GROUP BY day, Model
ORDER BY day DESC, usd DESC

-- example Slowest runs of the last week
SELECT RunId, max(PipelineName) AS pipeline, min(Start) AS began, dateDiff('second', min(Start), max(End)) AS seconds
FROM runs
WHERE Day >= today() - 7
GROUP BY RunId
ORDER BY seconds DESC
LIMIT 20

-- example Errors by type and step
SELECT ErrorType, PipelineName, StepName, count() AS errors, max(Timestamp) AS last
FROM otel_traces
WHERE StatusCode = 'Error' AND toStartOfHour(Timestamp) >= now() - INTERVAL 7 DAY
GROUP BY ErrorType, PipelineName, StepName
ORDER BY errors DESC
LIMIT 50

-- example Answers that were cut off
SELECT Timestamp, PipelineName, StepName, Model, OutputTokens, RunId
FROM model_calls
WHERE FinishReason = 'length' AND toStartOfHour(Timestamp) >= now() - INTERVAL 7 DAY
ORDER BY Timestamp DESC
LIMIT 50

-- example The dearest calls of today, with their prompts
SELECT c.Timestamp, c.Model, round(c.Cost, 4) AS usd, c.InputTokens, substring(t.PromptText, 1, 200) AS prompt
FROM (SELECT * FROM model_calls WHERE toStartOfHour(Timestamp) >= toStartOfDay(now()) ORDER BY Cost DESC LIMIT 10) AS c
JOIN otel_traces AS t ON t.SpanId = c.SpanId AND t.TraceId = c.TraceId
WHERE toStartOfHour(t.Timestamp) >= toStartOfDay(now())
ORDER BY c.Cost DESC

-- example Runs that take longer than nine in ten of their pipeline
WITH took AS (
    SELECT RunId, max(PipelineName) AS pipeline, dateDiff('second', min(Start), max(End)) AS seconds
    FROM runs
    WHERE Day >= today() - 7
    GROUP BY RunId
)
SELECT pipeline, count() AS runs, quantile(0.5)(seconds) AS half, quantile(0.9)(seconds) AS nine_in_ten
FROM took
GROUP BY pipeline
ORDER BY nine_in_ten DESC
