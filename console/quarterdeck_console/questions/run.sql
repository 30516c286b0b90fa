-- The spans of one run, in the order in which they began, with what their model calls used and cost.
-- shows: span, parent, name, status, error, attempt, started, seconds, model, tokens_in, tokens_out, cost_usd
-- run             id of the run
-- limit = 1000    how many
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT
    SpanId AS span,
    anyIf(Parent, IsSpan) AS parent,
    anyIf(Name, IsSpan) AS name,
    anyIf(Step, IsSpan) AS step,
    anyIf(Kind, IsSpan) AS kind,
    anyIf(State, IsSpan) AS status,
    anyIf(Error, IsSpan) AS error,
    anyIf(Message, IsSpan) AS message,
    anyIf(Attempt, IsSpan) AS attempt,
    toDateTime64(minIf(At, IsSpan), 3, 'UTC') AS started,
    round(maxIf(Took, IsSpan) / 1e9, 3) AS seconds,
    max(CallModel) AS model,
    max(Finish) AS finish_reason,
    sum(TokensIn) AS tokens_in,
    sum(TokensOut) AS tokens_out,
    sum(Usd) AS cost_usd,
    toUnixTimestamp64Nano(minIf(At, IsSpan)) AS started_ns
FROM (
    SELECT
        SpanId, 1 AS IsSpan, ParentSpanId AS Parent, toString(SpanName) AS Name, toString(StepName) AS Step,
        multiIf(
            SpanAttributes['quarterdeck.run.status'] != '', 'run',
            StepId = SpanId AND StepId != '', 'step',
            IsModelCall, 'call',
            Operation = 'execute_tool', 'tool',
            'span'
        ) AS Kind,
        multiIf(
            SpanAttributes['quarterdeck.run.status'] != '', SpanAttributes['quarterdeck.run.status'],
            StepId = SpanId AND SpanAttributes['quarterdeck.step.status'] != '', SpanAttributes['quarterdeck.step.status'],
            StatusCode = 'Error', 'failed',
            'completed'
        ) AS State,
        toString(ErrorType) AS Error, StatusMessage AS Message,
        toUInt32OrZero(SpanAttributes['quarterdeck.step.attempt']) AS Attempt,
        Timestamp AS At, Duration AS Took,
        '' AS CallModel, '' AS Finish, toUInt64(0) AS TokensIn, toUInt64(0) AS TokensOut, CAST(NULL, 'Nullable(Float64)') AS Usd
    FROM otel_traces
    WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2

    UNION ALL

    SELECT
        SpanId, 0, '', '', '', '', '', '', '', 0, Timestamp, 0,
        toString(Model), toString(FinishReason), InputTokens, OutputTokens, Cost
    FROM model_calls
    WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
)
GROUP BY SpanId
HAVING max(IsSpan) = 1
ORDER BY started_ns, length(parent) > 0, span
LIMIT {limit:UInt32}
