-- Metrics: one table per type, each with the columns of the OpenTelemetry Collector's ClickHouse exporter, then ours.
-- Times keep their nanoseconds.

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_gauge${L} ${on_cluster} (
    ${metric_columns}
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    ${exemplar_columns}

    ${metric_type_columns}
    ExemplarAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- the value where it came as an integer, which Value holds exactly up to 2^53 only
    IntValue Nullable(Int64) CODEC(ZSTD(1)),

    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
${metric_order};

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_sum${L} ${on_cluster} (
    ${metric_columns}
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    ${exemplar_columns}
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(Delta(1), ZSTD(1)),

    ${metric_type_columns}
    ExemplarAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- the value where it came as an integer, which Value holds exactly up to 2^53 only
    IntValue Nullable(Int64) CODEC(ZSTD(1)),

    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
${metric_order};

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_histogram${L} ${on_cluster} (
    ${metric_columns}
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    ${exemplar_columns}
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),

    ${metric_type_columns}
    ExemplarAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- OTLP tells a sum, minimum or maximum of 0 from one that was not reported
    HasSum Bool DEFAULT true,
    HasMin Bool DEFAULT true,
    HasMax Bool DEFAULT true,

    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
${metric_order};

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_exponential_histogram${L} ${on_cluster} (
    ${metric_columns}
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ${exemplar_columns}
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),

    ${metric_type_columns}
    ExemplarAttributeTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- OTLP tells a sum, minimum or maximum of 0 from one that was not reported
    HasSum Bool DEFAULT true,
    HasMin Bool DEFAULT true,
    HasMax Bool DEFAULT true,
    ZeroThreshold Float64 CODEC(ZSTD(1)),

    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
${metric_order};

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_summary${L} ${on_cluster} (
    ${metric_columns}
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested (
        Quantile Float64,
        Value Float64
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),

    ${metric_type_columns}
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = ${R}MergeTree
${metric_order};
