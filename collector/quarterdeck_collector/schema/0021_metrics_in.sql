-- What ClickHouse's Protobuf reader makes of an ExportMetricsServiceRequest (schema/otlp.proto), and the views that
-- flatten it: one to metrics, one per type to data points. The first two tables keep nothing.
-- Analysis is paid at every insert and grows with the size of the types that an expression carries along. Therefore
-- ARRAY JOIN of parts, not of whole nested tuples; and what all types share is converted by the first view, for
-- whichever type has data points: a metric has those of one type only.

CREATE TABLE IF NOT EXISTS ${db}.otlp_metrics_in ${on_cluster} (
    resource_metrics Array(Tuple(
        resource Tuple(attributes ${attributes}),
        schema_url String,
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes ${attributes}, dropped_attributes_count UInt32),
            schema_url String,
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                metadata ${attributes},
                gauge Tuple(data_points ${number_points}),
                sum Tuple(data_points ${number_points}, aggregation_temporality Int32, is_monotonic Bool),
                histogram Tuple(data_points ${histogram_points}, aggregation_temporality Int32),
                exponential_histogram Tuple(data_points ${exponential_histogram_points}, aggregation_temporality Int32),
                summary Tuple(data_points ${summary_points})
            ))
        ))
    ))
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS ${db}.otlp_metrics_flat ${on_cluster} (
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceAttributeTypes String,
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeAttributeTypes String,
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    ServiceName String,
    MetricName String,
    MetricDescription String,
    MetricUnit String,
    MetricMetadata Map(LowCardinality(String), String),
    gauge Tuple(data_points ${number_points}),
    sum Tuple(data_points ${number_points}, aggregation_temporality Int32, is_monotonic Bool),
    histogram Tuple(data_points ${histogram_points}, aggregation_temporality Int32),
    exponential_histogram Tuple(data_points ${exponential_histogram_points}, aggregation_temporality Int32),
    summary Tuple(data_points ${summary_points}),
    -- one element per data point
    attributes Array(Map(LowCardinality(String), String)),
    attribute_types Array(String),
    exemplars Array(Array(Tuple(Map(LowCardinality(String), String), String, DateTime64(9), Float64, String, String)))
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_metrics_gauge_mv ${on_cluster} TO ${db}.otel_metrics_gauge${L} AS
SELECT
    ${metric_values}
    if(value = 'i', toFloat64(as_int), as_double) AS Value,
    if(value = 'i', as_int, NULL) AS IntValue,
    ${exemplar_values}
FROM ${db}.otlp_metrics_flat
ARRAY JOIN
    arraySlice(attributes, 1, length(gauge.data_points.flags)) AS Attributes,
    arraySlice(attribute_types, 1, length(gauge.data_points.flags)) AS AttributeTypes,
    arraySlice(exemplars, 1, length(gauge.data_points.flags)) AS exemplar,
    gauge.data_points.start_time_unix_nano AS start_time_unix_nano,
    gauge.data_points.time_unix_nano AS time_unix_nano,
    gauge.data_points.flags AS flags,
    gauge.data_points.as_double AS as_double,
    gauge.data_points.as_int AS as_int,
    gauge.data_points.value AS value;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_metrics_sum_mv ${on_cluster} TO ${db}.otel_metrics_sum${L} AS
SELECT
    ${metric_values}
    if(value = 'i', toFloat64(as_int), as_double) AS Value,
    if(value = 'i', as_int, NULL) AS IntValue,
    ${exemplar_values},
    sum.aggregation_temporality AS AggregationTemporality,
    sum.is_monotonic AS IsMonotonic
FROM ${db}.otlp_metrics_flat
ARRAY JOIN
    arraySlice(attributes, 1, length(sum.data_points.flags)) AS Attributes,
    arraySlice(attribute_types, 1, length(sum.data_points.flags)) AS AttributeTypes,
    arraySlice(exemplars, 1, length(sum.data_points.flags)) AS exemplar,
    sum.data_points.start_time_unix_nano AS start_time_unix_nano,
    sum.data_points.time_unix_nano AS time_unix_nano,
    sum.data_points.flags AS flags,
    sum.data_points.as_double AS as_double,
    sum.data_points.as_int AS as_int,
    sum.data_points.value AS value;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_metrics_histogram_mv ${on_cluster} TO ${db}.otel_metrics_histogram${L} AS
SELECT
    ${metric_values}
    count AS Count,
    ifNull(point_sum, 0) AS Sum,
    ifNull(min, 0) AS Min,
    ifNull(max, 0) AS Max,
    point_sum IS NOT NULL AS HasSum,
    min IS NOT NULL AS HasMin,
    max IS NOT NULL AS HasMax,
    bucket_counts AS BucketCounts,
    explicit_bounds AS ExplicitBounds,
    ${exemplar_values},
    histogram.aggregation_temporality AS AggregationTemporality
FROM ${db}.otlp_metrics_flat
ARRAY JOIN
    arraySlice(attributes, 1, length(histogram.data_points.flags)) AS Attributes,
    arraySlice(attribute_types, 1, length(histogram.data_points.flags)) AS AttributeTypes,
    arraySlice(exemplars, 1, length(histogram.data_points.flags)) AS exemplar,
    histogram.data_points.start_time_unix_nano AS start_time_unix_nano,
    histogram.data_points.time_unix_nano AS time_unix_nano,
    histogram.data_points.flags AS flags,
    histogram.data_points.count AS count,
    histogram.data_points.sum AS point_sum,
    histogram.data_points.min AS min,
    histogram.data_points.max AS max,
    histogram.data_points.bucket_counts AS bucket_counts,
    histogram.data_points.explicit_bounds AS explicit_bounds;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_metrics_exponential_histogram_mv ${on_cluster} TO ${db}.otel_metrics_exponential_histogram${L} AS
SELECT
    ${metric_values}
    count AS Count,
    ifNull(point_sum, 0) AS Sum,
    ifNull(min, 0) AS Min,
    ifNull(max, 0) AS Max,
    point_sum IS NOT NULL AS HasSum,
    min IS NOT NULL AS HasMin,
    max IS NOT NULL AS HasMax,
    scale AS Scale,
    zero_count AS ZeroCount,
    zero_threshold AS ZeroThreshold,
    positive.offset AS PositiveOffset,
    positive.bucket_counts AS PositiveBucketCounts,
    negative.offset AS NegativeOffset,
    negative.bucket_counts AS NegativeBucketCounts,
    ${exemplar_values},
    exponential_histogram.aggregation_temporality AS AggregationTemporality
FROM ${db}.otlp_metrics_flat
ARRAY JOIN
    arraySlice(attributes, 1, length(exponential_histogram.data_points.flags)) AS Attributes,
    arraySlice(attribute_types, 1, length(exponential_histogram.data_points.flags)) AS AttributeTypes,
    arraySlice(exemplars, 1, length(exponential_histogram.data_points.flags)) AS exemplar,
    exponential_histogram.data_points.start_time_unix_nano AS start_time_unix_nano,
    exponential_histogram.data_points.time_unix_nano AS time_unix_nano,
    exponential_histogram.data_points.flags AS flags,
    exponential_histogram.data_points.count AS count,
    exponential_histogram.data_points.sum AS point_sum,
    exponential_histogram.data_points.min AS min,
    exponential_histogram.data_points.max AS max,
    exponential_histogram.data_points.scale AS scale,
    exponential_histogram.data_points.zero_count AS zero_count,
    exponential_histogram.data_points.zero_threshold AS zero_threshold,
    exponential_histogram.data_points.positive AS positive,
    exponential_histogram.data_points.negative AS negative;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otel_metrics_summary_mv ${on_cluster} TO ${db}.otel_metrics_summary${L} AS
SELECT
    ${metric_values}
    count AS Count,
    point_sum AS Sum,
    quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    quantile_values.value AS `ValueAtQuantiles.Value`
FROM ${db}.otlp_metrics_flat
ARRAY JOIN
    arraySlice(attributes, 1, length(summary.data_points.flags)) AS Attributes,
    arraySlice(attribute_types, 1, length(summary.data_points.flags)) AS AttributeTypes,
    summary.data_points.start_time_unix_nano AS start_time_unix_nano,
    summary.data_points.time_unix_nano AS time_unix_nano,
    summary.data_points.flags AS flags,
    summary.data_points.count AS count,
    summary.data_points.sum AS point_sum,
    summary.data_points.quantile_values AS quantile_values;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otlp_metrics_in_mv ${on_cluster} TO ${db}.otlp_metrics_flat AS
SELECT
    ResourceAttributes, ResourceAttributeTypes, ResourceSchemaUrl,
    ScopeName, ScopeVersion, ScopeAttributes, ScopeAttributeTypes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ResourceAttributes['service.name'] AS ServiceName,
    MetricName, MetricDescription, MetricUnit,
    quarterdeck_map(metadata) AS MetricMetadata,
    gauge, sum, histogram, exponential_histogram, summary,
    arrayMap(
        one -> quarterdeck_map(one),
        arrayConcat(
            gauge.data_points.attributes,
            sum.data_points.attributes,
            histogram.data_points.attributes,
            exponential_histogram.data_points.attributes,
            summary.data_points.attributes
        ) AS all_attributes
    ) AS attributes,
    arrayMap(one -> quarterdeck_types(one), all_attributes) AS attribute_types,
    arrayMap(
        of_point -> arrayMap(
            e -> (
                quarterdeck_map(e.filtered_attributes),
                quarterdeck_types(e.filtered_attributes),
                quarterdeck_time(e.time_unix_nano),
                if(e.value = 'i', toFloat64(e.as_int), e.as_double),
                lower(hex(e.span_id)),
                lower(hex(e.trace_id))
            ),
            of_point
        ),
        arrayConcat(
            gauge.data_points.exemplars,
            sum.data_points.exemplars,
            histogram.data_points.exemplars,
            exponential_histogram.data_points.exemplars
        )
    ) AS exemplars
FROM (
    SELECT
        ResourceAttributes,
        ResourceAttributeTypes,
        ResourceSchemaUrl,
        scope.name AS ScopeName,
        scope.version AS ScopeVersion,
        quarterdeck_map(scope.attributes) AS ScopeAttributes,
        quarterdeck_types(scope.attributes) AS ScopeAttributeTypes,
        scope.dropped_attributes_count AS ScopeDroppedAttrCount,
        ScopeSchemaUrl,
        scope_names, scope_descriptions, scope_units, scope_metadata,
        scope_gauges, scope_sums, scope_histograms, scope_exponential_histograms, scope_summaries
    FROM (
        SELECT
            quarterdeck_map(resource_attributes) AS ResourceAttributes,
            quarterdeck_types(resource_attributes) AS ResourceAttributeTypes,
            ResourceSchemaUrl,
            scopes, schema_urls,
            names, descriptions, units, metadatas,
            gauges, sums, histograms, exponential_histograms, summaries
        FROM ${db}.otlp_metrics_in
        ARRAY JOIN
            resource_metrics.resource.attributes AS resource_attributes,
            resource_metrics.schema_url AS ResourceSchemaUrl,
            resource_metrics.scope_metrics.scope AS scopes,
            resource_metrics.scope_metrics.schema_url AS schema_urls,
            resource_metrics.scope_metrics.metrics.name AS names,
            resource_metrics.scope_metrics.metrics.description AS descriptions,
            resource_metrics.scope_metrics.metrics.unit AS units,
            resource_metrics.scope_metrics.metrics.metadata AS metadatas,
            resource_metrics.scope_metrics.metrics.gauge AS gauges,
            resource_metrics.scope_metrics.metrics.sum AS sums,
            resource_metrics.scope_metrics.metrics.histogram AS histograms,
            resource_metrics.scope_metrics.metrics.exponential_histogram AS exponential_histograms,
            resource_metrics.scope_metrics.metrics.summary AS summaries
    )
    ARRAY JOIN
        scopes AS scope,
        schema_urls AS ScopeSchemaUrl,
        names AS scope_names,
        descriptions AS scope_descriptions,
        units AS scope_units,
        metadatas AS scope_metadata,
        gauges AS scope_gauges,
        sums AS scope_sums,
        histograms AS scope_histograms,
        exponential_histograms AS scope_exponential_histograms,
        summaries AS scope_summaries
)
ARRAY JOIN
    scope_names AS MetricName,
    scope_descriptions AS MetricDescription,
    scope_units AS MetricUnit,
    scope_metadata AS metadata,
    scope_gauges AS gauge,
    scope_sums AS sum,
    scope_histograms AS histogram,
    scope_exponential_histograms AS exponential_histogram,
    scope_summaries AS summary;
