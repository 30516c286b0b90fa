-- How the prompts of the newest calls were put together, with their answers: a few of each step.
WITH picked AS (
    SELECT RunId, SpanId, PipelineName, StepName, Model, toStartOfHour(Timestamp) AS Hour
    FROM model_calls
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND NOT IsError
    ORDER BY toStartOfHour(Timestamp) DESC, Timestamp DESC
    LIMIT {each:UInt32} BY PipelineName, StepName, Model
    LIMIT {limit:UInt32}
)
SELECT
    c.PipelineName AS PipelineName, c.StepName AS StepName, c.Model AS Model, c.RunId AS RunId, c.SpanId AS SpanId,
    t.Payload['quarterdeck.prompt.parts'] AS Parts,
    t.ResponseText AS Answer
FROM otel_traces AS t
GLOBAL INNER JOIN picked AS c ON t.RunId = c.RunId AND t.SpanId = c.SpanId
WHERE toStartOfHour(t.Timestamp) >= (SELECT min(Hour) FROM picked) AND toStartOfHour(t.Timestamp) <= (SELECT max(Hour) FROM picked)
    AND t.SpanId GLOBAL IN (SELECT SpanId FROM picked)
    AND Parts != ''
