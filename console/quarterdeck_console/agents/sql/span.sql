-- Everything that is stored of one span of a run, and what its model call used; an empty span id takes the run's own.
WITH
    (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours,
    (
        SELECT any(tuple(Provider, Model, FinishReason, InputTokens, OutputTokens, CacheReadTokens, Cost, TimeToFirstChunk))
        FROM model_calls
        WHERE RunId = {run:String} AND SpanId = {span:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
    ) AS used
SELECT
    SpanId AS span,
    PipelineName AS pipeline,
    StepName AS step,
    IsModelCall AS is_call,
    if(StatusCode = 'Error', 'failed', 'completed') AS status,
    ErrorType AS error,
    firstNonDefault(Events.Attributes[indexOf(Events.Name, 'exception')]['exception.message'], StatusMessage) AS message,
    Events.Attributes[indexOf(Events.Name, 'exception')]['exception.stacktrace'] AS stack_trace,
    toDateTime64(Timestamp, 3, 'UTC') AS started,
    toUnixTimestamp64Nano(Timestamp) AS started_ns,
    Duration AS nanoseconds,
    used.1 AS provider,
    used.2 AS model,
    used.3 AS finish_reason,
    used.4 AS tokens_in,
    used.5 AS tokens_out,
    used.6 AS tokens_from_cache,
    used.7 AS cost_usd,
    used.8 AS first_chunk,
    PromptText AS prompt,
    ResponseText AS answer,
    Payload AS payload,
    mapFilter((k, v) -> match(k, '^(gen_ai[.]request|anthropic[.]thinking|llm[.]invocation|ai[.]settings|http[.]request[.]resend|gen_ai[.]output[.]type)'), SpanAttributes) AS attributes
FROM otel_traces
WHERE RunId = {run:String}
    AND (if({span:String} = '', SpanAttributes['quarterdeck.run.status'] != '', SpanId = {span:String}))
    AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
LIMIT 1
