-- Tables derived from otel_traces, whoever wrote the spans.

CREATE TABLE IF NOT EXISTS ${db}.otel_traces_trace_id_ts${L} ${on_cluster} (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_traces_trace_id_ts_mv ${on_cluster} TO ${db}.otel_traces_trace_id_ts${L} AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM ${db}.otel_traces${L}
WHERE TraceId != ''
GROUP BY TraceId;

-- One row per run and day (a run over midnight has two): read it with GROUP BY RunId.
CREATE TABLE IF NOT EXISTS ${db}.runs${L} ${on_cluster} (
    Day Date,
    RunId String CODEC(ZSTD(1)),
    TraceId SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    PipelineName SimpleAggregateFunction(max, LowCardinality(String)),
    PipelineVersion SimpleAggregateFunction(max, LowCardinality(String)),
    RootName SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    ServiceName SimpleAggregateFunction(max, LowCardinality(String)),
    Start SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1)),
    RootSeen SimpleAggregateFunction(max, UInt8),
    Status SimpleAggregateFunction(max, LowCardinality(String)),
    ErrorType SimpleAggregateFunction(max, LowCardinality(String)),
    StatusMessage SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    Spans SimpleAggregateFunction(sum, UInt64),
    -- positions of the steps that have ended: attempts and parts of one step share theirs
    StepIndexes SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)),
    Errors SimpleAggregateFunction(sum, UInt64),
    ModelCalls SimpleAggregateFunction(sum, UInt64),
    InputTokens SimpleAggregateFunction(sum, UInt64),
    OutputTokens SimpleAggregateFunction(sum, UInt64),
    CacheReadTokens SimpleAggregateFunction(sum, UInt64),
    Cost SimpleAggregateFunction(sum, Float64),
    UnpricedCalls SimpleAggregateFunction(sum, UInt64),
    Models SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    StandIn SimpleAggregateFunction(max, UInt8)
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY Day
ORDER BY (Day, RunId)
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

-- The root of our own runs carries the run's status, wherever it hangs; the root of other traces has no parent.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.runs_mv ${on_cluster} TO ${db}.runs${L} AS
SELECT
    toDate(t.Timestamp) AS Day,
    t.RunId AS RunId,
    max(t.TraceId) AS TraceId,
    max(t.PipelineName) AS PipelineName,
    max(t.PipelineVersion) AS PipelineVersion,
    maxIf(toString(t.SpanName), t.IsRoot) AS RootName,
    max(t.ServiceName) AS ServiceName,
    min(t.Timestamp) AS Start,
    max(t.Timestamp + toIntervalNanosecond(t.Duration)) AS End,
    max(t.IsRoot) AS RootSeen,
    maxIf(t.RootStatus, t.IsRoot) AS Status,
    maxIf(t.ErrorType, t.IsRoot) AS ErrorType,
    maxIf(t.StatusMessage, t.IsRoot) AS StatusMessage,
    count() AS Spans,
    groupUniqArrayIf(
        toUInt32OrZero(t.SpanAttributes['quarterdeck.step.index']),
        t.StepId = t.SpanId AND mapContains(t.SpanAttributes, 'quarterdeck.step.index')
    ) AS StepIndexes,
    countIf(t.StatusCode = 'Error') AS Errors,
    sum(t.IsModelCall) AS ModelCalls,
    sumIf(t.InputTokens, t.IsModelCall) AS InputTokens,
    sumIf(t.OutputTokens, t.IsModelCall) AS OutputTokens,
    sumIf(t.CacheReadTokens, t.IsModelCall) AS CacheReadTokens,
    sum(ifNull(t.Cost, 0)) AS Cost,
    -- a call that failed before it used a token is not one whose price is unknown
    countIf(t.IsModelCall AND t.Cost IS NULL AND NOT (t.StatusCode = 'Error' AND t.InputTokens + t.OutputTokens = 0)) AS UnpricedCalls,
    groupUniqArrayIf(toString(t.Model), t.IsModelCall AND t.Model != '') AS Models,
    max(t.ResourceAttributes['quarterdeck.provider.stand_in'] = 'true') AS StandIn
FROM (
    SELECT
        *,
        if(SpanAttributes['quarterdeck.run.id'] != '', SpanAttributes['quarterdeck.run.status'] != '', ParentSpanId = '') AS IsRoot,
        multiIf(
            SpanAttributes['quarterdeck.run.status'] != '', SpanAttributes['quarterdeck.run.status'],
            StatusCode = 'Error', 'failed',
            'completed'
        ) AS RootStatus
    FROM ${db}.otel_traces${L}
) AS t
GROUP BY Day, RunId;
