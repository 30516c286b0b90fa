-- Log records: the exporter's columns, then ours. Live events that arrive alone go to live_events instead.

CREATE TABLE IF NOT EXISTS ${db}.otel_logs${L} ${on_cluster} (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),

    -- one letter per LogAttributes key, '|', one for the body
    LogAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ObservedTimestamp DateTime64(9) DEFAULT Timestamp CODEC(Delta(8), ZSTD(1)),
    LogFlags UInt32 DEFAULT TraceFlags CODEC(ZSTD(1)), -- TraceFlags are its lowest eight bits
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    RunId String DEFAULT if(LogAttributes['quarterdeck.run.id'] != '', LogAttributes['quarterdeck.run.id'], TraceId) CODEC(ZSTD(1)),
    StepId String DEFAULT LogAttributes['quarterdeck.step.id'] CODEC(ZSTD(1)),
    StepName LowCardinality(String) DEFAULT LogAttributes['quarterdeck.step.name'] CODEC(ZSTD(1)),
    PipelineName LowCardinality(String) DEFAULT LogAttributes['quarterdeck.pipeline.name'] CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ${R}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, ${once};

CREATE TABLE IF NOT EXISTS ${db}.otlp_logs_in ${on_cluster} (
    resource_logs Array(Tuple(
        resource Tuple(attributes ${attributes}),
        schema_url String,
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes ${attributes}),
            schema_url String,
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body ${any_value},
                attributes ${attributes},
                dropped_attributes_count UInt32,
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String
            ))
        ))
    ))
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otlp_logs_in_mv ${on_cluster} TO ${db}.otel_logs${L} AS
SELECT
    quarterdeck_time(if(record.time_unix_nano != 0, record.time_unix_nano, record.observed_time_unix_nano)) AS Timestamp,
    lower(hex(record.trace_id)) AS TraceId,
    lower(hex(record.span_id)) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(record.severity_number) AS SeverityNumber,
    resource['service.name'] AS ServiceName,
    quarterdeck_text(record.body) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    quarterdeck_map(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    concat(quarterdeck_types(record.attributes), '|', toString(record.body.value)) AS LogAttributeTypes,
    resource_types AS ResourceAttributeTypes,
    scope_types AS ScopeAttributeTypes,
    quarterdeck_time(record.observed_time_unix_nano) AS ObservedTimestamp,
    record.flags AS LogFlags,
    record.dropped_attributes_count AS DroppedAttributesCount
FROM (
    SELECT
        resource,
        resource_types,
        resource_schema_url,
        scoped.scope AS scope,
        scoped.schema_url AS scope_schema_url,
        quarterdeck_map(scoped.scope.attributes) AS scope_attributes,
        quarterdeck_types(scoped.scope.attributes) AS scope_types,
        arrayJoin(scoped.log_records) AS record
    FROM (
        SELECT
            quarterdeck_map(whole.resource.attributes) AS resource,
            quarterdeck_types(whole.resource.attributes) AS resource_types,
            whole.schema_url AS resource_schema_url,
            arrayJoin(whole.scope_logs) AS scoped
        FROM (SELECT arrayJoin(resource_logs) AS whole FROM ${db}.otlp_logs_in)
    )
);
