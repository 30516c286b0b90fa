-- Spans: the columns of the OpenTelemetry Collector's ClickHouse exporter, then ours. Ours have defaults computed
-- from SpanAttributes, so that the exporter can write here too and every view below fires for its rows.

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
    -- prompts, answers and other bulky values, under the names they came with
    Payload Map(LowCardinality(String), String) DEFAULT mapFilter((key, value) -> quarterdeck_is_payload(key, length(value)), SpanAttributes) CODEC(ZSTD(1)),
    ResourceAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    EventAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    LinkAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    LinkFlags Array(UInt32) CODEC(ZSTD(1)),
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    DroppedEventsCount UInt32 CODEC(ZSTD(1)),
    DroppedLinksCount UInt32 CODEC(ZSTD(1)),

    RunId String DEFAULT firstNonDefault(SpanAttributes['quarterdeck.run.id'], TraceId) CODEC(ZSTD(1)),
    PipelineName LowCardinality(String) DEFAULT quarterdeck_pipeline_name(SpanAttributes, SpanName, ParentSpanId) CODEC(ZSTD(1)),
    PipelineVersion LowCardinality(String) DEFAULT SpanAttributes['quarterdeck.pipeline.version'] CODEC(ZSTD(1)),
    StepId String DEFAULT SpanAttributes['quarterdeck.step.id'] CODEC(ZSTD(1)),
    StepName LowCardinality(String) DEFAULT quarterdeck_step_name(SpanAttributes, SpanName, ParentSpanId) CODEC(ZSTD(1)),
    Environment LowCardinality(String) DEFAULT
        firstNonDefault(ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']) CODEC(ZSTD(1)),
    Operation LowCardinality(String) DEFAULT quarterdeck_operation(SpanAttributes) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) DEFAULT quarterdeck_error_type(SpanAttributes, StatusCode, Events.Name, Events.Attributes) CODEC(ZSTD(1)),
    -- its tokens and its cost are in model_calls
    IsModelCall UInt8 DEFAULT quarterdeck_is_model_call(Operation) CODEC(ZSTD(1)),

    -- prompt and answer of a model call in any dialect, mostly JSON
    PromptText String ALIAS quarterdeck_payload_text(Payload, ['gen_ai.input.messages', 'ai.prompt.messages', 'ai.prompt', 'langfuse.observation.input', 'input.value', 'gen_ai.prompt'], '^(llm[.]input_messages|gen_ai[.]prompt)[.]'),
    ResponseText String ALIAS quarterdeck_payload_text(Payload, ['gen_ai.output.messages', 'ai.response.text', 'ai.response.object', 'ai.response.toolCalls', 'langfuse.observation.output', 'output.value', 'gen_ai.completion'], '^(llm[.]output_messages|gen_ai[.]completion)[.]'),
    -- the payload in lower case, for searching: hasAllTokens(SearchText, lowerUTF8('some words'))
    SearchText String ALIAS lowerUTF8(arrayStringConcat(mapValues(Payload), '\n')),
    ResourceAttributeItems Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')),
    SpanAttributeItems Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(SpanAttributes, 'Array(Tuple(String, String))')),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 4,
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 4,
    INDEX idx_span_attr_items SpanAttributeItems TYPE text(tokenizer = 'array'),
    INDEX idx_ts Timestamp TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfHour(Timestamp), TraceId, Timestamp)
-- Payloads make merges dear: they go column by column from the first row on, and take more parts at once.
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, ${once},
    vertical_merge_algorithm_min_rows_to_activate = 1, merge_selector_base = 8;
