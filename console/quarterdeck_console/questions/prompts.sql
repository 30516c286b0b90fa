-- Model calls whose prompt or answer holds a text, newest first.
-- shows: started, run, span, pipeline, step, model, found_in, around
-- text            what to look for, in whatever case
-- since = 7d      from when on
-- until = now     up to when
-- inside = both   prompt | answer | both: where to look
-- pipeline =      only of this pipeline
-- model =         only of this model
-- limit = 20      how many
WITH
    positionCaseInsensitiveUTF8(PromptText, {text:String}) AS InPrompt,
    positionCaseInsensitiveUTF8(ResponseText, {text:String}) AS InAnswer,
    if({inside:String} != 'answer' AND InPrompt > 0, 'prompt', 'answer') AS Hit
SELECT
    toDateTime64(Timestamp, 3, 'UTC') AS started,
    RunId AS run,
    SpanId AS span,
    PipelineName AS pipeline,
    StepName AS step,
    firstNonDefault(SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model']) AS model,
    Hit AS found_in,
    if(Hit = 'prompt',
        substringUTF8(PromptText, greatest(1, toInt64(InPrompt) - 120), 240 + lengthUTF8({text:String})),
        substringUTF8(ResponseText, greatest(1, toInt64(InAnswer) - 120), 240 + lengthUTF8({text:String}))
    ) AS around,
    toUnixTimestamp64Nano(Timestamp) AS started_ns
FROM otel_traces
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND IsModelCall
    AND ({pipeline:String} = '' OR PipelineName = {pipeline:String})
    AND ({model:String} = '' OR model = {model:String})
    AND (({inside:String} != 'answer' AND InPrompt > 0) OR ({inside:String} != 'prompt' AND InAnswer > 0))
ORDER BY toStartOfHour(otel_traces.Timestamp) DESC, otel_traces.Timestamp DESC, SpanId
LIMIT {limit:UInt32}
