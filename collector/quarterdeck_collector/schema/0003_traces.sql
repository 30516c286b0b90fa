-- Spans: the columns of the OpenTelemetry Collector's ClickHouse exporter, then ours. Ours have defaults computed
-- from SpanAttributes, so that the exporter can write here too and every view below fires for its rows.

-- USD per million tokens of the model of the row at hand. Provider, PriceModel, InTier and Timestamp are columns of otel_traces.
CREATE OR REPLACE FUNCTION quarterdeck_price ${on_cluster} AS (base, tier) -> if(
    InTier,
    dictGetOrDefault('${db}.model_prices', tier, (lower(toString(Provider)), PriceModel), toDate(Timestamp), 0.),
    dictGetOrDefault('${db}.model_prices', base, (lower(toString(Provider)), PriceModel), toDate(Timestamp), 0.)
);

CREATE TABLE IF NOT EXISTS ${db}.otel_traces${L} ${on_cluster} (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),

    -- one letter per SpanAttributes key, '|', one per Payload key
    SpanAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    TraceFlags UInt32 CODEC(ZSTD(1)),
    Payload Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    RunId String DEFAULT if(SpanAttributes['quarterdeck.run.id'] != '', SpanAttributes['quarterdeck.run.id'], TraceId) CODEC(ZSTD(1)),
    PipelineName LowCardinality(String) DEFAULT SpanAttributes['quarterdeck.pipeline.name'] CODEC(ZSTD(1)),
    PipelineVersion LowCardinality(String) DEFAULT SpanAttributes['quarterdeck.pipeline.version'] CODEC(ZSTD(1)),
    StepId String DEFAULT SpanAttributes['quarterdeck.step.id'] CODEC(ZSTD(1)),
    StepName LowCardinality(String) DEFAULT SpanAttributes['quarterdeck.step.name'] CODEC(ZSTD(1)),
    Operation LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['gen_ai.operation.name'] != '', SpanAttributes['gen_ai.operation.name'],
        SpanAttributes['openinference.span.kind'] = 'LLM', 'chat',
        SpanAttributes['openinference.span.kind'] = 'EMBEDDING', 'embeddings',
        ''
    ) CODEC(ZSTD(1)),
    Provider LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['gen_ai.provider.name'] != '', SpanAttributes['gen_ai.provider.name'],
        SpanAttributes['gen_ai.system'] != '', SpanAttributes['gen_ai.system'],
        SpanAttributes['llm.provider'] != '', SpanAttributes['llm.provider'],
        SpanAttributes['llm.system']
    ) CODEC(ZSTD(1)),
    RequestModel LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['gen_ai.request.model'] != '', SpanAttributes['gen_ai.request.model'],
        SpanAttributes['llm.model_name'] != '', SpanAttributes['llm.model_name'],
        SpanAttributes['embedding.model_name']
    ) CODEC(ZSTD(1)),
    Model LowCardinality(String) DEFAULT
        if(SpanAttributes['gen_ai.response.model'] != '', SpanAttributes['gen_ai.response.model'], RequestModel) CODEC(ZSTD(1)),
    ResponseId String DEFAULT SpanAttributes['gen_ai.response.id'] CODEC(ZSTD(1)),
    InputTokens UInt64 DEFAULT greatest(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens']),
        toUInt64OrZero(SpanAttributes['gen_ai.usage.prompt_tokens']),
        toUInt64OrZero(SpanAttributes['llm.token_count.prompt'])
    ) CODEC(T64, ZSTD(1)),
    OutputTokens UInt64 DEFAULT greatest(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']),
        toUInt64OrZero(SpanAttributes['gen_ai.usage.completion_tokens']),
        toUInt64OrZero(SpanAttributes['llm.token_count.completion'])
    ) CODEC(T64, ZSTD(1)),
    CacheReadTokens UInt64 DEFAULT greatest(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.cache_read.input_tokens']),
        toUInt64OrZero(SpanAttributes['gen_ai.usage.cache_read_input_tokens']),
        toUInt64OrZero(SpanAttributes['llm.token_count.prompt_details.cache_read'])
    ) CODEC(T64, ZSTD(1)),
    CacheWriteTokens UInt64 DEFAULT greatest(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.cache_write.input_tokens']),
        toUInt64OrZero(SpanAttributes['gen_ai.usage.cache_creation.input_tokens']),
        toUInt64OrZero(SpanAttributes['gen_ai.usage.cache_creation_input_tokens']),
        toUInt64OrZero(SpanAttributes['llm.token_count.prompt_details.cache_write'])
    ) CODEC(T64, ZSTD(1)),
    ReasoningTokens UInt64 DEFAULT greatest(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.reasoning.output_tokens']),
        toUInt64OrZero(SpanAttributes['llm.token_count.completion_details.reasoning'])
    ) CODEC(T64, ZSTD(1)),
    TimeToFirstChunk Nullable(Float64) DEFAULT toFloat64OrNull(SpanAttributes['gen_ai.response.time_to_first_chunk']) CODEC(ZSTD(1)),
    -- the first finish reason: the attribute is an array, here its JSON text
    FinishReason LowCardinality(String) DEFAULT
        if(startsWith(SpanAttributes['gen_ai.response.finish_reasons'], '['), JSONExtractString(SpanAttributes['gen_ai.response.finish_reasons'], 1), SpanAttributes['gen_ai.response.finish_reasons']) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) DEFAULT SpanAttributes['error.type'] CODEC(ZSTD(1)),
    IsModelCall UInt8 DEFAULT Operation IN ('chat', 'generate_content', 'text_completion', 'embeddings') CODEC(ZSTD(1)),

    -- the first of the model's names that has a price: as it is, without path, without date, without '-preview'
    PriceModel String ALIAS arrayFirst(
        name -> dictHas('${db}.model_prices', (lower(toString(Provider)), name), toDate(Timestamp)),
        [
            lower(toString(Model)),
            replaceRegexpOne(lower(toString(Model)), '^.*/', ''),
            replaceRegexpOne(lower(toString(Model)), '^.*/|(-latest|-[0-9]{3}|-[0-9]{2}-[0-9]{2,4}|[-@]20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', ''),
            replaceRegexpAll(lower(toString(Model)), '^.*/|(-latest|-[0-9]{3}|-[0-9]{2}-[0-9]{2,4}|[-@]20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', ''),
            replaceRegexpAll(lower(toString(Model)), '^.*/|-(preview|exp)(-[0-9-]+)?$', '')
        ]
    ),
    InTier UInt8 ALIAS
        dictGetOrDefault('${db}.model_prices', 'TierAbove', (lower(toString(Provider)), PriceModel), toDate(Timestamp), toUInt64(0)) > 0
        AND InputTokens > dictGetOrDefault('${db}.model_prices', 'TierAbove', (lower(toString(Provider)), PriceModel), toDate(Timestamp), toUInt64(0)),
    -- USD; NULL where the price is not known or no usage was reported. InputTokens include both kinds of cached tokens.
    Cost Nullable(Float64) DEFAULT if(NOT IsModelCall OR PriceModel = '' OR InputTokens + OutputTokens = 0, NULL, (
        (InputTokens - least(CacheReadTokens + CacheWriteTokens, InputTokens))
            * quarterdeck_price('InputPrice', 'TierInputPrice')
        + CacheReadTokens * quarterdeck_price('CacheReadPrice', 'TierCacheReadPrice')
        + CacheWriteTokens * quarterdeck_price('CacheWritePrice', 'TierCacheWritePrice')
        + OutputTokens * quarterdeck_price('OutputPrice', 'TierOutputPrice')
    ) / 1e6) CODEC(ZSTD(1)),

    ResourceAttributeItems Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')),
    SpanAttributeItems Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(SpanAttributes, 'Array(Tuple(String, String))')),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_attr_items SpanAttributeItems TYPE text(tokenizer = 'array'),
    INDEX idx_ts Timestamp TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfHour(Timestamp), TraceId, Timestamp)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
