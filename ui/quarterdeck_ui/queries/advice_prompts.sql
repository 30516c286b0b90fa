-- What the newest calls of a time asked, by step: how often the very same, how prompts begin, and JSON that is none.
WITH picked AS (
    SELECT RunId, SpanId, PipelineName, StepName, Model, Cost, toStartOfHour(Timestamp) AS Hour
    FROM model_calls
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND NOT IsError
    ORDER BY toStartOfHour(Timestamp) DESC, Timestamp DESC
    LIMIT {limit:UInt32}
)
SELECT
    PipelineName, StepName, Model,
    sum(Asked) AS Calls,
    sum(Asked - 1) AS Repeats,
    sum(Cost - Cost / Asked) AS RepeatCost,
    argMax(AnyCall, Asked) AS RepeatedCall,
    max(Asked) AS MostAsked,
    min(Text) AS First,
    max(Text) AS Last,
    avg(length(Text)) AS Characters,
    sum(JsonAsked) AS JsonCalls,
    sum(JsonBroken) AS BrokenJson,
    sum(JsonBrokenCost) AS BrokenCost,
    anyIf(AnyCall, JsonBroken > 0) AS BrokenCall
FROM (
    SELECT
        c.PipelineName AS PipelineName, c.StepName AS StepName, c.Model AS Model,
        left(concat(t.Payload['gen_ai.system_instructions'], t.PromptText), 60000) AS Text,
        cityHash64(t.Payload['gen_ai.system_instructions'], t.PromptText) AS Asking,
        count() AS Asked,
        sum(ifNull(c.Cost, 0)) AS Cost,
        any((c.RunId, c.SpanId)) AS AnyCall,
        countIf(t.SpanAttributes['gen_ai.output.type'] = 'json') AS JsonAsked,
        countIf(
            t.SpanAttributes['gen_ai.output.type'] = 'json'
            AND NOT isValidJSON(JSONExtractString(t.ResponseText, 1, 'parts', 1, 'content')) AS IsBroken
        ) AS JsonBroken,
        sumIf(ifNull(c.Cost, 0), IsBroken) AS JsonBrokenCost
    FROM otel_traces AS t
    GLOBAL INNER JOIN picked AS c ON t.RunId = c.RunId AND t.SpanId = c.SpanId
    WHERE toStartOfHour(t.Timestamp) >= (SELECT min(Hour) FROM picked) AND toStartOfHour(t.Timestamp) <= (SELECT max(Hour) FROM picked)
        AND t.SpanId GLOBAL IN (SELECT SpanId FROM picked)
    GROUP BY PipelineName, StepName, Model, Text, Asking
)
WHERE Text != ''
GROUP BY PipelineName, StepName, Model
ORDER BY Calls DESC
