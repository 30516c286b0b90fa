-- Tables derived from otel_traces, whoever wrote the spans. All are partitioned by the day of the span, so that a day
-- can be made anew (after a price change or a deletion).

CREATE TABLE IF NOT EXISTS ${db}.otel_traces_trace_id_ts${L} ${on_cluster} (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY toDate(Start)
ORDER BY TraceId
SETTINGS index_granularity = 1024, ${once};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_traces_trace_id_ts_mv ${on_cluster} TO ${db}.otel_traces_trace_id_ts${L} AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM ${db}.otel_traces${L}
WHERE TraceId != ''
GROUP BY TraceId, toDate(Timestamp);

-- One row per run and day (a run over midnight has two): read it with GROUP BY RunId.
CREATE TABLE IF NOT EXISTS ${db}.runs${L} ${on_cluster} (
    Day Date,
    RunId String CODEC(ZSTD(1)),
    TraceId SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    PipelineName SimpleAggregateFunction(max, LowCardinality(String)),
    PipelineVersion SimpleAggregateFunction(max, LowCardinality(String)),
    RootName SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    ServiceName SimpleAggregateFunction(max, LowCardinality(String)),
    Environment SimpleAggregateFunction(max, LowCardinality(String)),
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
    StandIn SimpleAggregateFunction(max, UInt8),
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY Day
ORDER BY (Day, RunId)
SETTINGS index_granularity = 512, ${once};

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
    max(t.Environment) AS Environment,
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

-- What the calls of a run add to its row.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.runs_calls_mv ${on_cluster} TO ${db}.runs${L} AS
SELECT
    toDate(c.Timestamp) AS Day,
    c.RunId AS RunId,
    max(c.PipelineName) AS PipelineName,
    min(c.Timestamp) AS Start,
    max(c.Timestamp) AS End,
    count() AS ModelCalls,
    sum(c.InputTokens) AS InputTokens,
    sum(c.OutputTokens) AS OutputTokens,
    sum(c.CacheReadTokens) AS CacheReadTokens,
    sum(ifNull(c.Cost, 0)) AS Cost,
    sum(c.IsUnpriced) AS UnpricedCalls,
    groupUniqArrayIf(toString(c.Model), c.Model != '') AS Models
FROM ${db}.model_calls${L} AS c
GROUP BY Day, RunId;

-- Model calls by minute, and the same by hour made from the minutes.
CREATE TABLE IF NOT EXISTS ${db}.llm_1m${L} ${on_cluster} (
    Time DateTime,
    ServiceName LowCardinality(String),
    Environment LowCardinality(String),
    PipelineName LowCardinality(String),
    StepName LowCardinality(String),
    Provider LowCardinality(String),
    Model LowCardinality(String),
    Calls SimpleAggregateFunction(sum, UInt64),
    Errors SimpleAggregateFunction(sum, UInt64),
    InputTokens SimpleAggregateFunction(sum, UInt64),
    OutputTokens SimpleAggregateFunction(sum, UInt64),
    CacheReadTokens SimpleAggregateFunction(sum, UInt64),
    CacheWriteTokens SimpleAggregateFunction(sum, UInt64),
    ReasoningTokens SimpleAggregateFunction(sum, UInt64),
    Cost SimpleAggregateFunction(sum, Float64), -- USD, of the calls whose price is known
    UnpricedCalls SimpleAggregateFunction(sum, UInt64),
    Duration SimpleAggregateFunction(sum, UInt64), -- nanoseconds
    DurationQuantiles AggregateFunction(quantilesBFloat16(0.5, 0.95, 0.99), Float64), -- seconds
    FirstChunkQuantiles AggregateFunction(quantilesBFloat16(0.5, 0.95, 0.99), Float64) -- seconds
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (Time, PipelineName, StepName, Provider, Model, ServiceName, Environment)
SETTINGS index_granularity = 1024, ${once};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.llm_1m_mv ${on_cluster} TO ${db}.llm_1m${L} AS
SELECT
    toStartOfMinute(c.Timestamp) AS Time,
    c.ServiceName AS ServiceName, c.Environment AS Environment, c.PipelineName AS PipelineName, c.StepName AS StepName,
    c.Provider AS Provider, c.Model AS Model,
    count() AS Calls,
    sum(c.IsError) AS Errors,
    sum(c.InputTokens) AS InputTokens,
    sum(c.OutputTokens) AS OutputTokens,
    sum(c.CacheReadTokens) AS CacheReadTokens,
    sum(c.CacheWriteTokens) AS CacheWriteTokens,
    sum(c.ReasoningTokens) AS ReasoningTokens,
    sum(ifNull(c.Cost, 0)) AS Cost,
    sum(c.IsUnpriced) AS UnpricedCalls,
    sum(c.Duration) AS Duration,
    quantilesBFloat16State(0.5, 0.95, 0.99)(c.Duration / 1e9) AS DurationQuantiles,
    quantilesBFloat16StateIf(0.5, 0.95, 0.99)(assumeNotNull(c.TimeToFirstChunk), c.TimeToFirstChunk > 0) AS FirstChunkQuantiles
FROM ${db}.model_calls${L} AS c
GROUP BY Time, ServiceName, Environment, PipelineName, StepName, Provider, Model;

CREATE TABLE IF NOT EXISTS ${db}.llm_1h${L} ${on_cluster} AS ${db}.llm_1m${L}
ENGINE = ${R}AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (Time, PipelineName, StepName, Provider, Model, ServiceName, Environment)
SETTINGS index_granularity = 1024, ${once};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.llm_1h_mv ${on_cluster} TO ${db}.llm_1h${L} AS
SELECT
    toStartOfHour(m.Time) AS Time,
    m.ServiceName AS ServiceName, m.Environment AS Environment, m.PipelineName AS PipelineName, m.StepName AS StepName,
    m.Provider AS Provider, m.Model AS Model,
    sum(m.Calls) AS Calls,
    sum(m.Errors) AS Errors,
    sum(m.InputTokens) AS InputTokens,
    sum(m.OutputTokens) AS OutputTokens,
    sum(m.CacheReadTokens) AS CacheReadTokens,
    sum(m.CacheWriteTokens) AS CacheWriteTokens,
    sum(m.ReasoningTokens) AS ReasoningTokens,
    sum(m.Cost) AS Cost,
    sum(m.UnpricedCalls) AS UnpricedCalls,
    sum(m.Duration) AS Duration,
    quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.DurationQuantiles) AS DurationQuantiles,
    quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.FirstChunkQuantiles) AS FirstChunkQuantiles
FROM ${db}.llm_1m${L} AS m
GROUP BY Time, ServiceName, Environment, PipelineName, StepName, Provider, Model;
