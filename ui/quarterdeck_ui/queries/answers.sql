-- Prompts that were sent more than once, and answers that should be JSON and are none, by step. Reads payloads: ask for a
-- time that holds few calls.
SELECT
    Pipeline, Step,
    count() AS Calls,
    uniqExact(Prompt) AS Prompts,
    countIf(IsJsonDue AND Answer != '') AS JsonDue,
    countIf(IsJsonDue AND Answer != '' AND NOT isValidJSON(replaceRegexpAll(Answer, '^\\s*```(?:json)?\\s*|\\s*```\\s*$', ''))) AS NoJson
FROM (
    SELECT
        PipelineName AS Pipeline,
        StepName AS Step,
        cityHash64(Model, Payload['gen_ai.system_instructions'], PromptText) AS Prompt,
        SpanAttributes['gen_ai.output.type'] = 'json' AND NOT has(['["length"]', '["max_tokens"]'], SpanAttributes['gen_ai.response.finish_reasons']) AS IsJsonDue,
        JSONExtractString(Payload['gen_ai.output.messages'], 1, 'parts', 1, 'content') AS Answer
    FROM (
        SELECT *, SpanAttributes['gen_ai.request.model'] AS Model, PromptText
        FROM otel_traces
        WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
            AND IsModelCall AND StatusCode != 'Error' AND StepName != ''
            AND ({environment:String} = '' OR Environment = {environment:String})
            AND ({service:String} = '' OR ServiceName = {service:String})
    )
    WHERE PromptText != ''
)
GROUP BY Pipeline, Step
ORDER BY Pipeline, Step
LIMIT {limit:UInt32}
