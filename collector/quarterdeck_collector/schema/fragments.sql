-- Texts with names: the text of each fragment replaces ${name} in the migrations.

-- fragment case
Enum8('?' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'x' = 7, 'j' = 20)

-- fragment scalar
Tuple(
    string_value String, bool_value Bool, int_value Int64, double_value Float64,
    array_value String, kvlist_value String, bytes_value String, value ${case}
)

-- fragment any_value
Tuple(
    string_value String, bool_value Bool, int_value Int64, double_value Float64,
    kvlist_value String, bytes_value String, json_value String,
    array_value Tuple(values Array(${scalar})), value ${case}
)

-- fragment attributes
Array(Tuple(key LowCardinality(String), value ${any_value}))

-- fragment exemplars
Array(Tuple(
    time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('?' = 0, 'd' = 3, 'i' = 6),
    span_id String, trace_id String, filtered_attributes ${attributes}
))

-- fragment number_points
Array(Tuple(
    start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64,
    value Enum8('?' = 0, 'd' = 4, 'i' = 6), exemplars ${exemplars}, attributes ${attributes}, flags UInt32
))

-- fragment histogram_points
Array(Tuple(
    start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64,
    sum Nullable(Float64), min Nullable(Float64), max Nullable(Float64),
    bucket_counts Array(UInt64), explicit_bounds Array(Float64),
    exemplars ${exemplars}, attributes ${attributes}, flags UInt32
))

-- fragment exponential_histogram_points
Array(Tuple(
    start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64,
    sum Nullable(Float64), min Nullable(Float64), max Nullable(Float64),
    scale Int32, zero_count UInt64, zero_threshold Float64,
    positive Tuple(offset Int32, bucket_counts Array(UInt64)),
    negative Tuple(offset Int32, bucket_counts Array(UInt64)),
    exemplars ${exemplars}, attributes ${attributes}, flags UInt32
))

-- fragment summary_points
Array(Tuple(
    start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64,
    quantile_values Array(Tuple(quantile Float64, value Float64)), attributes ${attributes}, flags UInt32
))

-- fragment once
-- What is inserted again is stored once, in every table of the chain: the windows must be equal. A cluster forgets after
-- a week.
non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800

-- fragment metric_columns
ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),

-- fragment exemplar_columns
Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),

-- fragment metric_type_columns
-- one letter per key of Attributes, and so on
    AttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributeTypes LowCardinality(String) CODEC(ZSTD(1)),

-- fragment metric_order
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, ${once}

-- fragment metric_values
ResourceAttributes, ResourceAttributeTypes, ResourceSchemaUrl,
    ScopeName, ScopeVersion, ScopeAttributes, ScopeAttributeTypes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, MetricMetadata,
    Attributes, AttributeTypes,
    quarterdeck_time(start_time_unix_nano) AS StartTimeUnix,
    quarterdeck_time(time_unix_nano) AS TimeUnix,
    flags AS Flags,

-- fragment exemplar_values
exemplar.1 AS `Exemplars.FilteredAttributes`,
    exemplar.2 AS ExemplarAttributeTypes,
    exemplar.3 AS `Exemplars.TimeUnix`,
    exemplar.4 AS `Exemplars.Value`,
    exemplar.5 AS `Exemplars.SpanId`,
    exemplar.6 AS `Exemplars.TraceId`

-- fragment latency_sums
h.Time AS Time,
h.ServiceName AS ServiceName,
h.Environment AS Environment,
sum(h.Calls) AS Calls,
quantilesBFloat16MergeState(0.5, 0.95, 0.99)(h.DurationQuantiles) AS DurationQuantiles,
quantilesBFloat16MergeState(0.5, 0.95, 0.99)(h.FirstChunkQuantiles) AS FirstChunkQuantiles
