-- One row per model call, in the words of the GenAI conventions whatever dialect it came in: the table that tokens, costs
-- and latencies are counted from. Where one instrumentation wraps another (OpenInference around the Anthropic SDK's own
-- spans, say), two spans tell of one call and the inner one stays: a span with a model call inside is not counted, and
-- of two spans with one response id only one.
-- The view goes step by step, since an expression that is used twice is analysed twice, at every insert.

CREATE TABLE IF NOT EXISTS ${db}.model_calls${L} ${on_cluster} (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    CallId UInt64 CODEC(ZSTD(1)), -- hash of the trace id with the response id, or with the span id where there is none
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Environment LowCardinality(String) CODEC(ZSTD(1)),
    PipelineName LowCardinality(String) CODEC(ZSTD(1)),
    PipelineVersion LowCardinality(String) CODEC(ZSTD(1)),
    StepId String CODEC(ZSTD(1)),
    StepName LowCardinality(String) CODEC(ZSTD(1)),
    Operation LowCardinality(String) CODEC(ZSTD(1)),
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    RequestModel LowCardinality(String) CODEC(ZSTD(1)),
    Model LowCardinality(String) CODEC(ZSTD(1)), -- of the response, else of the request
    ResponseId String CODEC(ZSTD(1)),
    InputTokens UInt64 CODEC(T64, ZSTD(1)), -- with cached ones
    OutputTokens UInt64 CODEC(T64, ZSTD(1)), -- with reasoning
    CacheReadTokens UInt64 CODEC(T64, ZSTD(1)),
    CacheWriteTokens UInt64 CODEC(T64, ZSTD(1)),
    CacheWriteHourTokens UInt64 CODEC(T64, ZSTD(1)), -- of those, written for an hour rather than for minutes
    ReasoningTokens UInt64 CODEC(T64, ZSTD(1)),
    PriceModel LowCardinality(String) CODEC(ZSTD(1)), -- the name under which the price was found; '' where there is none
    Cost Nullable(Float64) CODEC(ZSTD(1)), -- USD; NULL where the price is not known or no usage was reported
    IsUnpriced UInt8 CODEC(ZSTD(1)), -- a call that failed before it used a token is not one whose price is unknown
    Duration UInt64 CODEC(T64, ZSTD(1)), -- nanoseconds
    TimeToFirstChunk Nullable(Float64) CODEC(ZSTD(1)), -- seconds; of content, where thoughts are told apart
    FinishReason LowCardinality(String) CODEC(ZSTD(1)),
    IsError UInt8 CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) CODEC(ZSTD(1)),
    StandIn UInt8 CODEC(ZSTD(1)),

    -- what the call would cost by today's price table; Cost is what it did cost when it came, until it is repriced
    CurrentPriceModel String ALIAS quarterdeck_price_model(toString(Provider), lower(toString(Model)), Timestamp),
    CurrentCost Nullable(Float64) ALIAS quarterdeck_cost(toString(Provider), CurrentPriceModel, Timestamp, InputTokens, CacheReadTokens, CacheWriteTokens, CacheWriteHourTokens, OutputTokens),

    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 4,
    INDEX idx_ts Timestamp TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfHour(Timestamp), RunId, Timestamp)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, ${once};

-- The newest calls, in memory: the two spans of one call mostly arrive together, but may come in two inserts.
CREATE TABLE IF NOT EXISTS ${db}.recent_calls ${on_cluster} (CallId UInt64, SpanId String, ParentSpanId String)
ENGINE = Memory
SETTINGS min_rows_to_keep = 500, max_rows_to_keep = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.model_calls_mv ${on_cluster} TO ${db}.model_calls${L} AS
SELECT
    Timestamp, RunId, TraceId, SpanId, ParentSpanId, CallId, ServiceName, Environment, PipelineName, PipelineVersion,
    StepId, StepName, Operation, Provider, RequestModel, Model, ResponseId,
    InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, CacheWriteHourTokens, ReasoningTokens,
    PriceModel, Cost,
    Cost IS NULL AND NOT (IsError AND InputTokens + OutputTokens = 0) AS IsUnpriced,
    Duration, TimeToFirstChunk, FinishReason, IsError, ErrorType, StandIn
FROM (
SELECT *, quarterdeck_cost(Provider, PriceModel, Timestamp, InputTokens, CacheReadTokens, CacheWriteTokens, CacheWriteHourTokens, OutputTokens) AS Cost
FROM (
SELECT
    *,
    quarterdeck_output_tokens(Canonical, Usage, RawUsage, Provider, InputTokens) AS OutputTokens,
    quarterdeck_reasoning_tokens(Canonical, Usage, RawUsage, Provider, InputTokens) AS ReasoningTokens,
    quarterdeck_price_model(Provider, ModelName, Timestamp) AS PriceModel
FROM (
SELECT
    *,
    lower(Model) AS ModelName,
    quarterdeck_provider(Canonical, Model) AS Provider,
    cityHash64(TraceId, firstNonDefault(ResponseId, SpanId)) AS CallId,
    quarterdeck_input_tokens(Canonical, Usage, RawUsage) AS InputTokens,
    quarterdeck_cache_read_tokens(Canonical, Usage, RawUsage) AS CacheReadTokens,
    quarterdeck_cache_write_tokens(Canonical, Usage, RawUsage) AS CacheWriteTokens,
    quarterdeck_cache_write_hour_tokens(Canonical, RawUsage) AS CacheWriteHourTokens
FROM (
SELECT
    *,
    quarterdeck_usage_details(Canonical['langfuse.observation.usage_details']) AS Usage,
    quarterdeck_raw_usage(Canonical, Payload, ScopeName) AS RawUsage,
    quarterdeck_model(firstNonDefault(Canonical['gen_ai.request.model'], Canonical['model_name'])) AS RequestModel,
    quarterdeck_model(firstNonDefault(Canonical['gen_ai.response.model'], Canonical['gen_ai.request.model'], Canonical['model_name'])) AS Model,
    quarterdeck_response_id(Canonical, Payload, ScopeName) AS ResponseId,
    quarterdeck_time_to_first_chunk(Canonical, Timestamp) AS TimeToFirstChunk,
    quarterdeck_finish_reason(Canonical) AS FinishReason
FROM (
SELECT
    Timestamp, RunId, TraceId, SpanId, ParentSpanId, ServiceName, Environment, PipelineName, PipelineVersion,
    StepId, StepName, Operation, Duration, ErrorType, Payload, ScopeName,
    quarterdeck_canonical(SpanAttributes) AS Canonical,
    StatusCode = 'Error' OR ErrorType != '' AS IsError,
    ResourceAttributes['quarterdeck.provider.stand_in'] = 'true' AS StandIn
FROM ${db}.otel_traces${L}
WHERE IsModelCall
    AND SpanId NOT IN (SELECT ParentSpanId FROM ${db}.otel_traces${L} WHERE IsModelCall) -- of this insert
    AND SpanId NOT IN (SELECT ParentSpanId FROM ${db}.recent_calls)
))))
-- Logfire sends two spans for a streamed call, the first when the stream begins: without id and usage
WHERE NOT (startsWith(ScopeName, 'logfire.') AND ResponseId = '' AND NOT IsError)
    -- A stream that is read outside any other span has a trace from each library that tells of it; ours, or the SDK's own,
    -- counts. Two calls with one id that one library tells of are two, as with a server that makes its ids up.
    AND NOT (
        ParentSpanId = '' AND NOT (startsWith(ScopeName, 'com.anthropic.sdk') OR ScopeName = 'quarterdeck')
        AND ResponseId IN (
            SELECT SpanAttributes['gen_ai.response.id'] AS Told FROM ${db}.otel_traces${L} -- of this insert
            WHERE IsModelCall AND ParentSpanId = '' AND Told != ''
                AND (startsWith(ScopeName, 'com.anthropic.sdk') OR ScopeName = 'quarterdeck')
        )
    )
    AND (
        CallId NOT IN (SELECT CallId FROM ${db}.recent_calls)
        OR (CallId, SpanId) IN (SELECT CallId, SpanId FROM ${db}.recent_calls) -- the same span again: a retried insert
    )
ORDER BY startsWith(ScopeName, 'com.anthropic.sdk') DESC, ScopeName = 'quarterdeck' DESC, InputTokens + OutputTokens DESC
LIMIT 1 BY CallId
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.recent_calls_mv ${on_cluster} TO ${db}.recent_calls AS
SELECT CallId, SpanId, ParentSpanId FROM ${db}.model_calls${L};
